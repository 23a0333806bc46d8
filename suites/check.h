// The comparison of a kernel's output with the truth. It sees host values only, so it can be fed
// spoiled copies of a correct output as well as a kernel's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device/dtype.h"
#include "suites/host_tensor.h"

namespace assay::suites {

/// What the outputs should be: LibTorch in float64, and how far LibTorch at the kernel's dtype is
/// from that. One entry per output.
struct Truth {
  struct Output {
    std::string name;
    std::vector<double> exact;
    double same_dtype_max_error = 0.0;
    double same_dtype_rms_error = 0.0;
    /// Size of the outputs where the terms of their sums do not cancel (Case::summed); 0: not
    /// asked.
    double summed_max = 0.0;
    double summed_rms = 0.0;
  };
  std::vector<Output> outputs;
};

/// Largest and root-mean-square absolute error. Not finite as soon as one difference is not:
/// nothing is near a truth that is NaN or infinite, not even the same.
struct ErrorStats {
  double max_abs = 0.0;
  double rms = 0.0;
  std::size_t worst_index = 0;
};
ErrorStats error_between(const std::vector<double>& found, const std::vector<double>& expected);

/// What one rounding to `dtype` may cost, relative to the value.
double unit_roundoff(DType dtype);
/// What a sum of `reduction` fp32 terms may cost, relative to the size that it has where its terms
/// do not cancel: sqrt(reduction) * 2^-24.
double summing_error(std::int64_t reduction);
/// Both, of values whose terms do not cancel.
double relative_floor(DType dtype, std::int64_t reduction);

/// Largest and root mean square absolute value of the finite ones.
struct Magnitude {
  double max_abs = 0.0;
  double rms = 0.0;
};
Magnitude magnitude_of(const std::vector<double>& values);

/// The outcome of a comparison. `ratio` is the worst of max-abs and RMS error over its tolerance:
/// 1 is the limit; NaN never passes.
struct Verdict {
  bool pass = false;
  double ratio = 0.0;
  double max_abs_error = 0.0;
  double rms_error = 0.0;
  double same_dtype_rms_error = 0.0;
  double tolerance = 0.0;  // of the max-abs error
  std::string output;      // the worst output
  std::size_t worst_index = 0;
  double found = 0.0;
  double expected = 0.0;
  /// One line for people: which element, what was found and expected, % of tolerance.
  std::string describe() const;
};

/// err(found, exact) <= 2 * err(same dtype, exact) + floor, for max-abs and for RMS error, where
/// floor = unit_roundoff * size of the outputs + summing_error * size of their sums. A value that
/// was rounded `roundings` times on its way has a floor of sqrt(roundings) times that of one.
Verdict compare_three_way(const std::vector<HostTensor>& found, const Truth& truth,
                          std::int64_t reduction, int roundings = 1);
/// Every element equal to the truth, the sign of a zero included; NaN equals NaN.
Verdict compare_exact(const std::vector<HostTensor>& found, const Truth& truth);

}  // namespace assay::suites
