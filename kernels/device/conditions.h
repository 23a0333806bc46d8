// The single questions to NVML that are cheap enough to be asked between samples; properties.h has
// all of them together. Each takes some tens of microseconds, at times a millisecond.
#pragma once

#include <optional>
#include <string>

namespace assay {

/// Reasons for lowered clocks at this moment, as in Conditions: "none", "power_cap sw_thermal"; ""
/// where NVML does not say, or there is none.
std::string read_throttle();

/// Energy that the GPU has drawn since its driver was loaded, in joules; none where NVML does not
/// say. The counter moves every 20 to 100 ms, depending on the GPU.
std::optional<double> read_energy_j();

}  // namespace assay
