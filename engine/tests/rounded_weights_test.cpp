#include "engine/rounded_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/random_weights.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/tiny_model.h"

namespace assay {
namespace {

const std::string DOWN = "model.layers.1.mlp.down_proj.weight";

std::vector<float> read(const WeightSource& weights, const std::string& name, std::int64_t first,
                        std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  weights.read(name, first, count, DType::kF32, values.data());
  return values;
}

TensorShape shape_of(const WeightSource& weights, const std::string& name) {
  for (const WeightSpec& spec : expected_weights(weights.config())) {
    if (spec.name == name) return spec.shape;
  }
  return {};
}

TEST(RoundedWeights, KeepsAGroupsLargestAndFifteenLevels) {
  const RandomWeights source(testing::tiny_config(), 3);
  const RoundedWeights rounded(source, {{1}, 4, 16});
  const std::int64_t width = shape_of(source, DOWN).at(1);
  const std::vector<float> before = read(source, DOWN, 0, 4 * width);
  const std::vector<float> after = read(rounded, DOWN, 0, 4 * width);
  for (std::int64_t row = 0; row < 4; ++row) {
    for (std::int64_t start = 0; start < width; start += 16) {
      const auto first = static_cast<std::size_t>(row * width + start);
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(16, width - start));
      float largest = 0.0F;
      for (std::size_t i = 0; i < count; ++i) {
        largest = std::max(largest, std::abs(before[first + i]));
      }
      std::set<float> levels;
      for (std::size_t i = 0; i < count; ++i) {
        levels.insert(after[first + i]);
        EXPECT_LE(std::abs(after[first + i] - before[first + i]), largest / 14.0F * 1.0001F);
        EXPECT_LE(std::abs(after[first + i]), largest * 1.0001F);
        const float code = after[first + i] / (largest / 7.0F);
        EXPECT_NEAR(code, std::round(code), 1e-3);
      }
      EXPECT_LE(levels.size(), 15U);
    }
  }
  EXPECT_NE(before, after);
}

// All weights of a group so small that its scale is zero in fp32.
class TinyWeights : public WeightSource {
 public:
  const ModelConfig& config() const override { return config_; }
  void read(const std::string&, std::int64_t, std::int64_t count, DType, void* to) const override {
    std::fill_n(static_cast<float*>(to), count, 1e-45F);
  }

 private:
  const ModelConfig config_ = testing::tiny_config();
};

TEST(RoundedWeights, WhatIsTooSmallForAScaleStaysANumber) {
  const TinyWeights source;
  const RoundedWeights rounded(source, {{1}, 8, 16});
  for (const float value : read(rounded, DOWN, 0, 64)) EXPECT_EQ(value, 1e-45F);
}

TEST(RoundedWeights, SlicesAgreeWithTheWhole) {
  const RandomWeights source(testing::tiny_config(), 3);
  for (const int group : {16, 7, 1000}) {  // 7: a row's last group is shorter; 1000: one a row
    const RoundedWeights rounded(source, {{1}, 4, group});
    const TensorShape shape = shape_of(source, DOWN);
    const std::vector<float> whole = read(rounded, DOWN, 0, element_count(shape));
    for (const std::int64_t first :
         {std::int64_t{0}, std::int64_t{5}, shape[1] - 1, shape[1] + 3}) {
      const std::vector<float> slice = read(rounded, DOWN, first, 40);
      EXPECT_TRUE(std::equal(slice.begin(), slice.end(), whole.begin() + first))
          << group << ", " << first;
    }
  }
}

TEST(RoundedWeights, LeavesEverythingElseAlone) {
  const RandomWeights source(testing::tiny_config(), 3);
  const RoundedWeights rounded(source, {{1}, 4, 16});
  for (const WeightSpec& spec : expected_weights(source.config())) {
    const bool changed = read(source, spec.name, 0, element_count(spec.shape)) !=
                         read(rounded, spec.name, 0, element_count(spec.shape));
    const bool asked = spec.name.starts_with("model.layers.1.") && spec.shape.size() == 2;
    EXPECT_EQ(changed, asked) << spec.name;
  }
  EXPECT_EQ(rounded.rounded().size(), 7U);
}

TEST(RoundedWeights, RefusesWhatTheModelHasNot) {
  const RandomWeights source(testing::tiny_config(), 3);
  const int layers = source.config().num_hidden_layers;
  EXPECT_INPUT_ERROR((RoundedWeights(source, {{layers}, 4, 16})), "layers are 0 to");
  EXPECT_INPUT_ERROR((RoundedWeights(source, {{}, 4, 16})), "names no layer");
  EXPECT_INPUT_ERROR((RoundedWeights(source, {{0}, 9, 16})), "must be 2 to 8");
  EXPECT_INPUT_ERROR((RoundedWeights(source, {{0}, 4, 0})), "at least 1");
}

}  // namespace
}  // namespace assay
