#include "engine/rounded_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "engine/convert.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

void round_group(float* values, std::int64_t count, float largest_code) {
  float largest = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  const float scale = largest / largest_code;
  if (scale == 0.0F) return;  // all zero, or too small to be divided
  for (std::int64_t i = 0; i < count; ++i) values[i] = scale * std::nearbyint(values[i] / scale);
}

}  // namespace

RoundedWeights::RoundedWeights(const WeightSource& source, Rounding rounding)
    : source_(source), rounding_(std::move(rounding)) {
  if (rounding_.bits < 2 || rounding_.bits > 8) {
    throw InputError(fmt::format("--bits is {}; it must be 2 to 8", rounding_.bits));
  }
  if (rounding_.group_size < 1) {
    throw InputError(
        fmt::format("--group-size is {}; it must be at least 1", rounding_.group_size));
  }
  const int layers = source.config().num_hidden_layers;
  if (rounding_.layers.empty()) throw InputError("--layers names no layer");
  for (const int layer : rounding_.layers) {
    if (layer >= 0 && layer < layers) continue;
    throw InputError(
        fmt::format("--layers has {}; the model's layers are 0 to {}", layer, layers - 1));
  }
  for (const WeightSpec& spec : expected_weights(source.config())) {
    if (spec.shape.size() != 2) continue;  // norms and biases
    const auto of_layer = [&](int layer) {
      return spec.name.starts_with(fmt::format("model.layers.{}.", layer));
    };
    if (std::any_of(rounding_.layers.begin(), rounding_.layers.end(), of_layer)) {
      row_elements_[spec.name] = spec.shape[1];
    }
  }
}

std::vector<std::string> RoundedWeights::rounded() const {
  std::vector<std::string> names;
  for (const auto& [name, elements] : row_elements_) names.push_back(name);
  return names;
}

void RoundedWeights::read(const std::string& name, std::int64_t first, std::int64_t count,
                          DType dtype, void* out) const {
  const auto found = row_elements_.find(name);
  if (found == row_elements_.end()) {
    source_.read(name, first, count, dtype, out);
    return;
  }
  // Whole groups: a slice may begin and end within one.
  const std::int64_t row = found->second;
  const auto group_start = [&](std::int64_t i) {
    return i / row * row + i % row / rounding_.group_size * rounding_.group_size;
  };
  const auto group_end = [&](std::int64_t start) {
    return std::min(start + rounding_.group_size, start / row * row + row);
  };
  const std::int64_t begin = group_start(first);
  const std::int64_t end = count > 0 ? group_end(group_start(first + count - 1)) : begin;
  std::vector<float> values(static_cast<std::size_t>(end - begin));
  source_.read(name, begin, end - begin, DType::kF32, values.data());
  const auto largest_code = static_cast<float>((1 << (rounding_.bits - 1)) - 1);
  for (std::int64_t start = begin; start < end; start = group_end(start)) {
    round_group(&values[static_cast<std::size_t>(start - begin)], group_end(start) - start,
                largest_code);
  }
  convert(dtype, out, DType::kF32, values.data() + (first - begin),
          static_cast<std::size_t>(count));
}

}  // namespace assay
