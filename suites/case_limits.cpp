#include "suites/case_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/device/properties.h"

namespace assay::suites {
namespace {

// Every element is drawn on the host, and compared there in float64: 8 bytes of it for the truth,
// for LibTorch's answer and for the kernel's.
constexpr double MOST_ELEMENTS = 1 << 28;
constexpr double MOST_FLOPS = 1e14;
constexpr double MOST_EMULATED_ELEMENTS = 1 << 22;
constexpr double MOST_EMULATED_FLOPS = 2e8;
// LibTorch holds the operands and up to three intermediate results of an output's size in float64.
constexpr double REFERENCE_TENSORS = 3.0;
constexpr double SHARE_OF_MEMORY = 0.9;

}  // namespace

CaseLimits device_limits() {
  const auto memory = static_cast<double>(properties().total_memory_bytes) * SHARE_OF_MEMORY;
  if (properties().kind == DeviceKind::kEmulated) {
    return {MOST_EMULATED_ELEMENTS, MOST_EMULATED_FLOPS, memory};
  }
  return {MOST_ELEMENTS, MOST_FLOPS, memory};
}

double element_count(const Operand& operand) {
  double count = 1.0;
  for (const std::int64_t side : operand.shape) count *= static_cast<double>(side);
  return count;
}

std::string too_large(const Case& c, const CaseLimits& limits) {
  double bytes = 0.0;
  for (const Operand& operand : c.operands) {
    const double elements = element_count(operand);
    if (elements > limits.elements) {
      return fmt::format("too large to be checked: {} has {:.0f} elements, and at most {:.0f} are",
                         operand.name, elements, limits.elements);
    }
    const bool output = is_output(operand);
    bytes += elements * (static_cast<double>(size_of(operand.dtype)) +
                         8.0 * (output ? REFERENCE_TENSORS : 1.0));
  }
  if (c.flops > limits.flops) {
    return fmt::format("too large for this device: {:.3g} operations, and at most {:.3g} are run",
                       c.flops, limits.flops);
  }
  if (limits.memory_bytes > 0.0 && bytes > limits.memory_bytes) {
    return fmt::format(
        "too large for this device: {:.1f} GB with its reference in float64, of {:.1f} GB",
        bytes * 1e-9, limits.memory_bytes * 1e-9);
  }
  return "";
}

}  // namespace assay::suites
