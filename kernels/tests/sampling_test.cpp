// Sampling: each rule of the contract where an answer is known, and all of them together against a
// sampler that sorts.
#include "kernels/sampling/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include "kernels/device/properties.h"
#include "kernels/sampling/philox.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

constexpr float INF = std::numeric_limits<float>::infinity();
constexpr float NOT_A_NUMBER = std::numeric_limits<float>::quiet_NaN();

struct Row {
  std::vector<float> logits;
  SamplingParams params;
  std::vector<int> history = {};
};

std::vector<int> sample(const std::vector<Row>& rows, DType dtype = DType::kF32) {
  const Stream stream;
  const std::size_t vocab = rows[0].logits.size();
  std::size_t stride = 1;
  for (const Row& row : rows) stride = std::max(stride, row.history.size());
  std::vector<float> logits;
  std::vector<SamplingParams> params;
  std::vector<int> history;
  std::vector<int> lens;
  for (const Row& row : rows) {
    logits.insert(logits.end(), row.logits.begin(), row.logits.end());
    params.push_back(row.params);
    history.insert(history.end(), row.history.begin(), row.history.end());
    history.resize(params.size() * stride, -1);
    lens.push_back(static_cast<int>(row.history.size()));
  }
  testing::Tensor x(logits, dtype, stream, "logits");
  const DeviceBuffer<SamplingParams> params_buffer(params, stream, "params");
  const DeviceBuffer<int> history_buffer(history, stream, "history");
  const DeviceBuffer<int> lens_buffer(lens, stream, "history_lens");
  DeviceBuffer<float> workspace(logits.size(), "workspace");
  DeviceBuffer<int> tokens(rows.size(), "tokens");
  KernelSet().run(sampling_op(),
                  {tokens.data(), workspace.data(), x.data(), params_buffer.data(),
                   history_buffer.data(), lens_buffer.data(), static_cast<int>(rows.size()),
                   static_cast<int>(vocab), static_cast<int>(stride), dtype},
                  stream);
  return tokens.to_host(stream);
}

int sample_one(const Row& row) { return sample({row})[0]; }

// The contract with a sort and sums in fp64.
int on_host(const Row& row) {
  const SamplingParams& p = row.params;
  std::vector<float> x = row.logits;
  for (const int token : std::set<int>(row.history.begin(), row.history.end())) {
    float& logit = x[static_cast<std::size_t>(token)];
    logit = logit > 0.0f ? logit / p.repetition_penalty : logit * p.repetition_penalty;
  }
  const auto top = std::max_element(x.begin(), x.end()) - x.begin();
  if (p.temperature == 0.0f) return static_cast<int>(top);
  for (float& logit : x) logit /= p.temperature;
  const float largest = x[static_cast<std::size_t>(top)];
  const auto weight = [&](float logit) { return std::exp(static_cast<double>(logit - largest)); };

  std::vector<float> order = x;
  std::sort(order.begin(), order.end(), std::greater<float>());
  float least = order.back();
  if (p.top_k > 0 && static_cast<std::size_t>(p.top_k) < x.size()) {
    least = order[static_cast<std::size_t>(p.top_k) - 1];
  }
  if (p.top_p < 1.0f) {
    double total = 0.0;
    for (const float logit : x) total += logit >= least ? weight(logit) : 0.0;
    double sum = 0.0;
    for (const float logit : order) {
      sum += weight(logit);
      least = logit;
      if (sum >= static_cast<double>(p.top_p) * total) break;
    }
  }
  const auto kept = [&](float logit) {
    return logit >= least && weight(logit) >= static_cast<double>(p.min_p) ? weight(logit) : 0.0;
  };
  double total = 0.0;
  for (const float logit : x) total += kept(logit);
  const unsigned word =
      philox4x32_10({{static_cast<unsigned>(row.history.size()), 0, 0, 0}},
                    static_cast<unsigned>(p.seed), static_cast<unsigned>(p.seed >> 32))
          .word[0];
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += kept(x[i]);
    if (sum > (word >> 8) * 0x1p-24 * total) return static_cast<int>(i);
  }
  return -1;
}

// The known answers published with the generator's authors' library.
TEST(Philox, GivesTheKnownAnswers) {
  const auto words = [](PhiloxCounter counter, unsigned lo, unsigned hi) {
    const PhiloxCounter out = philox4x32_10(counter, lo, hi);
    return std::vector<unsigned>(out.word, out.word + 4);
  };
  EXPECT_EQ(words({{0, 0, 0, 0}}, 0, 0),
            (std::vector<unsigned>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(words({{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}}, 0xffffffff, 0xffffffff),
            (std::vector<unsigned>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0),
            (std::vector<unsigned>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Among 2^14 equal logits the token is the first 14 bits of the word.
TEST(Sampling, DrawsWithTheDocumentedCounterAndKey) {
  const std::vector<float> equal(1 << 14, 2.0f);
  SamplingParams p;
  p.temperature = 1.0f;
  EXPECT_EQ(sample_one({equal, p}), 0x6627e8d5u >> 18);
  p.seed = 0x299f31d0a4093822u;
  const unsigned word = philox4x32_10({{3, 0, 0, 0}}, 0xa4093822, 0x299f31d0).word[0];
  EXPECT_EQ(sample_one({equal, p, {5, 5, 9}}), static_cast<int>(word >> 18));
}

// u * total meets a cumulative probability exactly: it has to be exceeded, not reached. 2^10 steps
// of u make a token here, and 32 tokens a thread's run.
TEST(Sampling, DrawsTheNextTokenWhereTheCumulativeIsEqual) {
  SamplingParams p;
  p.temperature = 1.0f;
  const auto word = [&p] { return philox4x32_10({}, static_cast<unsigned>(p.seed), 0).word[0]; };
  for (const unsigned steps : {1u << 10, 1u << 15}) {
    while ((word() >> 8) % steps != 0) ++p.seed;
    EXPECT_EQ(sample_one({std::vector<float>(1 << 14, 0.0f), p}), static_cast<int>(word() >> 18));
  }
}

TEST(Sampling, GreedyTakesTheLowestIndexAmongEquals) {
  EXPECT_EQ(sample_one({{1.0f, 3.0f, 2.0f, 3.0f}, {}}), 1);
  EXPECT_EQ(sample_one({{-0.0f, 0.0f, -1.0f}, {}}), 0);
  EXPECT_EQ(sample_one({{-INF, -INF}, {}}), 0);
  EXPECT_EQ(sample_one({{-5.0f}, {}}), 0);
  std::vector<float> wide(1500, -1.0f);
  wide[1300] = wide[700] = 4.0f;
  EXPECT_EQ(sample_one({wide, {}}), 700);
}

TEST(Sampling, NeverPicksNaN) {
  SamplingParams p;
  EXPECT_EQ(sample_one({{NOT_A_NUMBER, -INF, -NOT_A_NUMBER}, p}), 1);
  p.temperature = 1.0f;
  p.top_k = 3;  // more than there are numbers
  p.top_p = 0.99f;
  for (p.seed = 0; p.seed < 8; ++p.seed) {
    const int token = sample_one({{NOT_A_NUMBER, 1.0f, NOT_A_NUMBER, 1.0f, -NOT_A_NUMBER}, p});
    EXPECT_TRUE(token == 1 || token == 3) << token;
  }
  EXPECT_EQ(sample_one({{NOT_A_NUMBER, NOT_A_NUMBER}, p}), 0) << "something has to come out";
}

TEST(Sampling, InfinityWins) {
  SamplingParams p;
  p.temperature = 0.5f;
  EXPECT_EQ(sample_one({{1.0f, INF, 100.0f}, p}), 1);
}

TEST(Sampling, PenalisesEachTokenOfTheHistoryOnce) {
  SamplingParams p;
  p.repetition_penalty = 2.0f;
  // 5 / 2 beats 2; 5 / 4 would not.
  EXPECT_EQ(sample_one({{2.0f, 5.0f}, p, {1, 1, 1}}), 1);
  EXPECT_EQ(sample_one({{3.0f, 5.0f}, p, {1, 1, 1}}), 0);
  // A negative logit moves down too: -1 * 2 is below -1.5.
  EXPECT_EQ(sample_one({{-1.5f, -1.0f}, p, {1}}), 0);
  EXPECT_EQ(sample_one({{-1.5f, -1.0f}, p, {}}), 1);
  EXPECT_EQ(sample_one({{2.0f, 5.0f}, p, std::vector<int>(1000, 1)}), 1);
}

// The tokens that any of 64 seeds picks.
std::set<int> reachable(const std::vector<float>& logits, SamplingParams p) {
  std::vector<Row> rows;
  for (p.seed = 0; p.seed < 64; ++p.seed) rows.push_back({logits, p});
  const std::vector<int> tokens = sample(rows);
  return {tokens.begin(), tokens.end()};
}

TEST(Sampling, KeepsTiesOfTheLastOneKept) {
  SamplingParams p;
  p.temperature = 1.0f;
  const std::vector<float> logits{1.0f, 2.0f, 1.0f, -3.0f, 1.0f};
  EXPECT_EQ(reachable({0.0f, 0.1f, 0.2f}, p), (std::set<int>{0, 1, 2}));
  p.top_k = 1;
  EXPECT_EQ(reachable(logits, p), (std::set<int>{1}));
  p.top_k = 2;
  EXPECT_EQ(reachable(logits, p), (std::set<int>{0, 1, 2, 4}));
  p.top_k = 0;
  p.top_p = 0.5f;  // the first alone has e^2 / (e^2 + 3 e + e^-3) = 0.474
  EXPECT_EQ(reachable(logits, p), (std::set<int>{0, 1, 2, 4}));
  p.top_p = 0.45f;
  EXPECT_EQ(reachable(logits, p), (std::set<int>{1}));
  p.top_p = 0.0f;
  EXPECT_EQ(reachable(logits, p), (std::set<int>{1})) << "one token always stays";
  p.top_p = 1.0f;
  p.min_p = 0.36f;  // e^-1 = 0.368
  EXPECT_EQ(reachable(logits, p), (std::set<int>{0, 1, 2, 4}));
  p.min_p = 0.37f;
  EXPECT_EQ(reachable(logits, p), (std::set<int>{1}));
}

// Probability exactly top_p is enough: two equal tokens of four reach a half.
TEST(Sampling, TopPIsReachedByEquality) {
  SamplingParams p;
  p.temperature = 1.0f;
  p.top_p = 0.5f;
  EXPECT_EQ(reachable({0.0f, -INF, -0.0f, -INF}, p), (std::set<int>{0, 2}));
  const float log2 = std::log(2.0f);
  p.top_p = 0.25f;
  EXPECT_EQ(reachable({log2, 0.0f, 0.0f}, p), (std::set<int>{0}));
}

TEST(Sampling, AgreesWithASamplerThatSortsAloneAndInABatch) {
  std::vector<Row> rows;
  for (unsigned i = 0; i < 24; ++i) {
    Row row{testing::normal(777, i, 2.0f), {}, {}};
    row.params.temperature = i % 6 == 0 ? 0.0f : 0.5f + 0.1f * static_cast<float>(i % 7);
    row.params.top_k = i % 3 == 0 ? 0 : static_cast<int>(i * 13);
    row.params.top_p = i % 4 == 0 ? 1.0f : 1.0f - 0.04f * static_cast<float>(i % 9 + 1);
    row.params.min_p = i % 5 == 0 ? 0.0f : 0.002f * static_cast<float>(i);
    row.params.repetition_penalty = i % 2 == 0 ? 1.0f : 1.3f;
    row.params.seed = 0x9e3779b97f4a7c15u * (i + 1);
    for (unsigned j = 0; j < i; ++j) row.history.push_back(static_cast<int>((j * j * 37) % 777));
    rows.push_back(row);
  }
  for (const DType dtype : testing::FLOAT_DTYPES) {
    std::vector<int> expected;
    for (Row& row : rows) {
      const std::vector<double> rounded =
          testing::decode(testing::encode(row.logits, dtype), dtype);
      row.logits.assign(rounded.begin(), rounded.end());
      expected.push_back(on_host(row));
    }
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      set_schedule_seed(seed);
      EXPECT_EQ(sample(rows, dtype), expected) << name_of(dtype) << ", schedule " << seed;
    }
    for (std::size_t i = 0; i < rows.size(); i += 5) {
      EXPECT_EQ(sample({rows[i]}, dtype)[0], expected[i]) << name_of(dtype) << " row " << i;
    }
  }
}

}  // namespace
}  // namespace assay
