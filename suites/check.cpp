#include "suites/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

constexpr double NAN_VALUE = std::numeric_limits<double>::quiet_NaN();

bool same_value(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

// What `part(first, last)` finds in each stretch of the elements, in their order, found on all
// cores. Stretches are the same whatever their number, and so is a sum over them.
template <class Part>
auto over_stretches(std::size_t elements, const Part& part) {
  constexpr auto STRETCH = static_cast<std::size_t>(ELEMENTS_AT_ONCE);
  std::vector<decltype(part(0, 0))> parts((elements + STRETCH - 1) / STRETCH);
  parallel_chunks(static_cast<std::int64_t>(elements), ELEMENTS_AT_ONCE,
                  [&](std::int64_t first, std::int64_t count) {
                    const auto from = static_cast<std::size_t>(first);
                    parts[from / STRETCH] = part(from, from + static_cast<std::size_t>(count));
                  });
  return parts;
}

// error / tolerance, where nothing is allowed nothing passes but zero, and NaN stays NaN. Where the
// tolerance is not finite, LibTorch's own error is not: nothing can be said, whatever the error.
double ratio_of(double error, double tolerance) {
  if (std::isnan(error) || !std::isfinite(tolerance)) return NAN_VALUE;
  if (error == 0.0) return 0.0;
  return tolerance > 0.0 ? error / tolerance : std::numeric_limits<double>::infinity();
}

// Larger, with NaN larger than everything.
bool worse(double a, double b) { return std::isnan(a) ? !std::isnan(b) : a > b; }

void require_matching(const std::vector<HostTensor>& found, const Truth& truth) {
  if (found.size() != truth.outputs.size()) {
    throw Error(fmt::format("the reference gave {} outputs, the op has {}", truth.outputs.size(),
                            found.size()));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].count() != truth.outputs[i].exact.size()) {
      throw Error(fmt::format("output {}: the reference gave {} elements, the op has {}",
                              truth.outputs[i].name, truth.outputs[i].exact.size(),
                              found[i].count()));
    }
  }
}

}  // namespace

ErrorStats error_between(const std::vector<double>& found, const std::vector<double>& expected) {
  struct Part {
    ErrorStats worst;
    double squares = 0.0;
  };
  ErrorStats stats;
  double squares = 0.0;
  for (const Part& part : over_stretches(found.size(), [&](std::size_t from, std::size_t to) {
         Part p;
         for (std::size_t i = from; i < to; ++i) {
           const double difference = std::abs(found[i] - expected[i]);
           p.squares += difference * difference;
           if (worse(difference, p.worst.max_abs)) {
             p.worst.max_abs = difference;
             p.worst.worst_index = i;
           }
         }
         return p;
       })) {
    squares += part.squares;
    if (worse(part.worst.max_abs, stats.max_abs)) {
      stats.max_abs = part.worst.max_abs;
      stats.worst_index = part.worst.worst_index;
    }
  }
  if (!found.empty()) stats.rms = std::sqrt(squares / static_cast<double>(found.size()));
  return stats;
}

Magnitude magnitude_of(const std::vector<double>& values) {
  struct Part {
    double max_abs = 0.0;
    double squares = 0.0;
    std::size_t finite = 0;
  };
  Part all;
  for (const Part& part : over_stretches(values.size(), [&](std::size_t from, std::size_t to) {
         Part p;
         for (std::size_t i = from; i < to; ++i) {
           if (!std::isfinite(values[i])) continue;
           p.max_abs = std::max(p.max_abs, std::abs(values[i]));
           p.squares += values[i] * values[i];
           ++p.finite;
         }
         return p;
       })) {
    all.max_abs = std::max(all.max_abs, part.max_abs);
    all.squares += part.squares;
    all.finite += part.finite;
  }
  Magnitude m;
  m.max_abs = all.max_abs;
  if (all.finite > 0) m.rms = std::sqrt(all.squares / static_cast<double>(all.finite));
  return m;
}

double unit_roundoff(DType dtype) {
  if (dtype == DType::kF16) return 0x1p-11;
  if (dtype == DType::kBF16) return 0x1p-8;
  return 0x1p-24;
}

double summing_error(std::int64_t reduction) {
  return std::sqrt(static_cast<double>(reduction)) * 0x1p-24;
}

double relative_floor(DType dtype, std::int64_t reduction) {
  return unit_roundoff(dtype) + summing_error(reduction);
}

std::string Verdict::describe() const {
  std::string share = fmt::format("{:.1f} % of tolerance", ratio * 100.0);
  if (std::isnan(ratio) && !std::isfinite(expected)) {
    share = "the truth itself is not finite, so nothing can pass";
  } else if (std::isnan(ratio) && !std::isfinite(tolerance)) {
    share = "LibTorch at this dtype overflows, so nothing can be said";
  }
  return fmt::format(
      "{} [{}]: found {:.9g}, expected {:.9g}; max error {:.3g} (tolerance {:.3g}), RMS error "
      "{:.3g} "
      "(LibTorch at this dtype {:.3g}): {}",
      output, worst_index, found, expected, max_abs_error, tolerance, rms_error,
      same_dtype_rms_error, share);
}

Verdict compare_three_way(const std::vector<HostTensor>& found, const Truth& truth,
                          std::int64_t reduction, int roundings) {
  require_matching(found, truth);
  Verdict verdict;
  verdict.ratio = -1.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Truth::Output& output = truth.outputs[i];
    const std::vector<double> values = found[i].values();
    const ErrorStats error = error_between(values, output.exact);
    const Magnitude size = magnitude_of(output.exact);
    const auto floor = [&](double value, double sum) {
      return std::sqrt(roundings) * (unit_roundoff(found[i].dtype) * value +
                                     summing_error(reduction) * std::max(value, sum));
    };
    const double max_tolerance =
        2.0 * output.same_dtype_max_error + floor(size.max_abs, output.summed_max);
    const double rms_tolerance =
        2.0 * output.same_dtype_rms_error + floor(size.rms, output.summed_rms);
    const double max_ratio = ratio_of(error.max_abs, max_tolerance);
    const double rms_ratio = ratio_of(error.rms, rms_tolerance);
    const double ratio = worse(max_ratio, rms_ratio) ? max_ratio : rms_ratio;
    if (!worse(ratio, verdict.ratio)) continue;
    verdict.ratio = ratio;
    verdict.max_abs_error = error.max_abs;
    verdict.rms_error = error.rms;
    verdict.same_dtype_rms_error = output.same_dtype_rms_error;
    verdict.tolerance = max_tolerance;
    verdict.output = output.name;
    verdict.worst_index = error.worst_index;
    if (!values.empty()) {
      verdict.found = values[error.worst_index];
      verdict.expected = output.exact[error.worst_index];
    }
  }
  verdict.ratio = verdict.ratio == -1.0 ? 0.0 : verdict.ratio;
  verdict.pass = verdict.ratio <= 1.0;  // false for NaN
  return verdict;
}

Verdict compare_exact(const std::vector<HostTensor>& found, const Truth& truth) {
  require_matching(found, truth);
  Verdict verdict;
  verdict.pass = true;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::vector<double> values = found[i].values();
    const std::vector<double>& exact = truth.outputs[i].exact;
    const auto [value, expected] = std::ranges::mismatch(values, exact, same_value);
    if (value == values.end()) continue;
    const ErrorStats error = error_between(values, exact);
    verdict.pass = false;
    verdict.ratio = std::numeric_limits<double>::infinity();
    verdict.max_abs_error = error.max_abs;
    verdict.rms_error = error.rms;
    verdict.output = truth.outputs[i].name;
    verdict.worst_index = static_cast<std::size_t>(value - values.begin());
    verdict.found = *value;
    verdict.expected = *expected;
    break;
  }
  return verdict;
}

}  // namespace assay::suites
