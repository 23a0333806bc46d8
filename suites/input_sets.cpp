#include "suites/input_sets.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "kernels/device/properties.h"

namespace assay::suites {
namespace {

constexpr std::size_t MOST_SETS = 512;
constexpr std::size_t ALIGNMENT = 256;  // as cudaMalloc's

std::size_t bytes_of(const Operand& operand) {
  const auto count = std::accumulate(operand.shape.begin(), operand.shape.end(), std::int64_t{1},
                                     std::multiplies<>());
  return static_cast<std::size_t>(count) * size_of(operand.dtype);
}

std::size_t aligned(std::size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

}  // namespace

CacheLimits cache_limits() {
  // Engines of model rows, LibTorch, its outputs and what a check needs have to fit beside it.
  return {properties().l2_bytes, properties().total_memory_bytes / 16};
}

double sets_to_be_cold(double touched_bytes, std::size_t l2_bytes) {
  return std::max(1.0,
                  std::ceil(2.0 * static_cast<double>(l2_bytes) / std::max(touched_bytes, 1.0)));
}

std::vector<CacheMode> cache_modes(double touched_bytes, std::size_t set_bytes,
                                   const CacheLimits& limits) {
  if (limits.l2_bytes == 0) return {{"warm", 1}};
  const double l2 = static_cast<double>(limits.l2_bytes);
  const double sets = sets_to_be_cold(touched_bytes, limits.l2_bytes);
  std::vector<CacheMode> modes;
  if (sets <= static_cast<double>(MOST_SETS) &&
      (sets == 1.0 ||
       sets * static_cast<double>(set_bytes) <= static_cast<double>(limits.memory_bytes))) {
    modes.push_back({"cold", static_cast<std::size_t>(sets)});
  }
  if (touched_bytes <= l2 / 2.0 || modes.empty()) modes.push_back({"warm", 1});
  return modes;
}

std::vector<CacheMode> cache_modes(const Case& c) {
  return cache_modes(c.bytes, set_bytes(c), cache_limits());
}

std::size_t set_bytes(const Case& c) {
  std::size_t bytes = 0;
  for (const Operand& operand : c.operands) bytes += aligned(bytes_of(operand));
  return bytes;
}

InputSets::InputSets(const Case& c, const DeviceInputs& inputs, std::size_t count,
                     const Stream& stream)
    : memory_(count * set_bytes(c), c.op + ": input sets") {
  const std::size_t stride = set_bytes(c);
  for (std::size_t set = 0; set < count; ++set) {
    unsigned char* at = memory_.data() + set * stride;
    Pointers pointers;
    for (const Operand& operand : c.operands) {
      pointers.push_back(at);
      at += aligned(bytes_of(operand));
    }
    pointers_.push_back(std::move(pointers));
  }
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (!is_input(c.operands[i])) continue;
    copy_on_device(pointers_[0][i], inputs.data(i), inputs.bytes(i), stream);
  }
  for (std::size_t done = 1; done < count; done *= 2) {
    copy_on_device(memory_.data() + done * stride, memory_.data(),
                   std::min(done, count - done) * stride, stream);
  }
  stream.synchronize();
}

}  // namespace assay::suites
