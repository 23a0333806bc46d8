// NVML, the driver's management library, loaded when it is there.
#pragma once

#include <string>

namespace assay::cuda {

/// "580.159.04", or "" where NVML does not answer.
std::string driver_version();

}  // namespace assay::cuda
