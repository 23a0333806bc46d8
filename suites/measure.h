// Timing: samples until the median is known well enough, and the machine's own ceilings.
#pragma once

#include <functional>
#include <vector>

#include "kernels/device/dtype.h"
#include "kernels/device/stream.h"
#include "reports/row.h"
#include "suites/collect.h"

namespace assay::suites {

/// Times work on the device as replays of one graph that holds a launch for each input set: with
/// sets larger than the cache together, each finds its inputs outside it. Microseconds per set.
std::vector<double> time_graph(const Stream& stream, const std::vector<std::function<void()>>& sets,
                               const SamplingPlan& plan);

/// What this GPU reaches at best: bandwidth of a copy (read + written) and cuBLASLt's rate.
struct Ceilings {
  double bytes_per_s = 0.0;  // 0: not measured, as on the emulated device
  double flops_per_s = 0.0;
};
/// Measured on first use, on a GPU: a copy of 2 GiB, and an 8192^3 product of `dtype`.
Ceilings ceilings(DType dtype, const Stream& stream);

/// Fills in the row's times, rates, the GPU's conditions just after them and, where the ceilings
/// are known, roofline_frac.
void describe_times(reports::Row& row, const std::vector<double>& samples_us,
                    const Ceilings& ceilings);

}  // namespace assay::suites
