// The reference against Hugging Face Transformers: every case of suites/golden/golden.json.
#include "reference/golden.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "kernels/device/error.h"
#include "reference/files.h"
#include "reference/hashed_checkpoint.h"
#include "reference/llama.h"

namespace assay::reference {
namespace {

namespace fs = std::filesystem;

// Transformers ran in float32, we run in float64: logits up to 8, two to five layers.
constexpr double TOLERANCE = 1e-4;

const std::vector<GoldenCase>& golden() {
  static const std::vector<GoldenCase> cases = read_golden(ASSAY_GOLDEN_JSON);
  return cases;
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const GoldenCase& c : golden()) names.push_back(c.name);
  return names;
}

at::Tensor as_tensor(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (const GoldenCase& c : golden()) {
      if (c.name == GetParam()) case_ = c;
    }
    folder_ = ASSAY_SHIPPED_CHECKPOINT;
    if (case_.name != "shipped") {
      folder_ = fs::path(testing::TempDir()) / ("assay_golden_" + case_.name);
      write_hashed_checkpoint(case_.config_json, folder_);
    }
    model_ = load(folder_, at::kDouble);
  }
  void TearDown() override {
    if (case_.name != "shipped") fs::remove_all(folder_);
  }

  GoldenCase case_;
  fs::path folder_;
  Llama model_;
};

TEST_P(Golden, WeightsAreThoseThatTransformersSaw) {
  EXPECT_EQ(weights_checksum(folder_ / "model.safetensors"), case_.checksum);
}

TEST_P(Golden, GreedyTokensAndLogits) {
  ASSERT_FALSE(case_.continuations.empty());
  for (const GoldenContinuation& c : case_.continuations) {
    std::vector<std::int64_t> ids = c.prompt;
    ids.insert(ids.end(), c.greedy.begin(), c.greedy.end());
    const auto prefill = static_cast<std::int64_t>(c.prompt.size());
    const auto steps = static_cast<std::int64_t>(c.greedy.size());
    const at::Tensor logits = model_.forward(at::tensor(ids), {}, prefill)
                                  .narrow(0, prefill - 1, steps);  // (steps,V), one per new token
    EXPECT_TRUE(at::equal(logits.argmax(-1), at::tensor(c.greedy)));
    EXPECT_LT(distance(logits[0], as_tensor(c.first_logits)), TOLERANCE);
    ASSERT_FALSE(c.top_ids.empty());
    for (std::size_t step = 0; step < c.top_ids.size(); ++step) {
      const at::Tensor row = logits[static_cast<std::int64_t>(step)];
      EXPECT_LT(
          distance(row.index_select(0, at::tensor(c.top_ids[step])), as_tensor(c.top_logits[step])),
          TOLERANCE)
          << "prompt of " << prefill << ", step " << step;
      EXPECT_NEAR(at::logsumexp(row, 0).item<double>(), c.logsumexp[step], TOLERANCE);
    }
  }
}

TEST_P(Golden, GreedyHelperFindsTheSameTokens) {
  const GoldenContinuation& c = case_.continuations.back();
  const auto n = std::min<std::size_t>(c.greedy.size(), 8);
  EXPECT_EQ(model_.greedy(c.prompt, static_cast<std::int64_t>(n)),
            std::vector<std::int64_t>(c.greedy.begin(), c.greedy.begin() + n));
}

TEST_P(Golden, ScoredText) {
  const auto n = static_cast<std::int64_t>(case_.scored.log_probs.size());
  const at::Tensor ids = at::tensor(case_.scored.ids);
  const at::Tensor log_probs = at::log_softmax(model_.forward(ids).narrow(0, 0, n), -1);
  const at::Tensor chosen = log_probs.gather(1, ids.narrow(0, 1, n).unsqueeze(1)).squeeze(1);
  EXPECT_LT(distance(chosen, as_tensor(case_.scored.log_probs)), TOLERANCE);
}

INSTANTIATE_TEST_SUITE_P(Transformers, Golden, testing::ValuesIn(case_names()),
                         [](const auto& param_info) { return param_info.param; });

TEST(GoldenFile, CoversBothGenerationsWithEqualAnswers) {
  const std::vector<GoldenCase>& cases = golden();
  int pairs = 0;
  for (const GoldenCase& v5 : cases) {
    for (const GoldenCase& old : cases) {
      if (v5.name != old.name + "_v5") continue;
      ++pairs;
      EXPECT_EQ(v5.continuations.back().greedy, old.continuations.back().greedy) << old.name;
    }
  }
  EXPECT_EQ(pairs, 5);
}

TEST(GoldenFile, RefusesWhatIsNotOne) {
  const fs::path path = fs::path(testing::TempDir()) / "assay_not_golden.json";
  write_file(path, R"({"random":[]})");
  EXPECT_THROW(read_golden(path), InputError);
  fs::remove(path);
  EXPECT_THROW(read_golden(path), InputError);
}

}  // namespace
}  // namespace assay::reference
