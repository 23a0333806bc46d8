// attention_scores and attention_values against host loops in double: ragged batches, masked rows,
// strides, and NaN in every slot that must not be read.
#include <algorithm>
#include <limits>

#include "kernels/attention_scores/attention_scores.h"
#include "kernels/attention_values/attention_values.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

using testing::Expected;
using testing::Tensor;

/// A ragged batch: sequence b has q_lens[b] new tokens after past_lens[b] cached ones.
struct Problem {
  std::vector<int> q_lens, past_lens;
  int heads, head_dim;
  int spare_slots = 0;  // cache slots past the longest sequence

  int batch() const { return static_cast<int>(q_lens.size()); }
  int t_max() const { return *std::max_element(q_lens.begin(), q_lens.end()); }
  int kv_len(int b) const {
    return q_lens[static_cast<std::size_t>(b)] + past_lens[static_cast<std::size_t>(b)];
  }
  int s() const {
    int longest = 0;
    for (int b = 0; b < batch(); ++b) longest = std::max(longest, kv_len(b));
    return longest;
  }
  long long stride() const { return static_cast<long long>(s() + spare_slots) * head_dim; }
  bool sees(int b, int t, int slot) const {
    return t < q_lens[static_cast<std::size_t>(b)] &&
           slot <= past_lens[static_cast<std::size_t>(b)] + t;
  }
  std::string text(const char* version, DType dtype) const {
    return std::string(version) + " B=" + std::to_string(batch()) +
           " T=" + std::to_string(t_max()) + " S=" + std::to_string(s()) +
           " D=" + std::to_string(head_dim) + " " + std::string(name_of(dtype));
  }
};

/// Row-major index into a tensor of four dimensions, of which the first is not needed.
std::size_t at(long long a, long long dim_b, long long b, long long dim_c, long long c,
               long long dim_d, long long d) {
  return static_cast<std::size_t>(((a * dim_b + b) * dim_c + c) * dim_d + d);
}

/// Keys or values (B, H, stride), NaN in all slots that no query may see.
std::vector<float> cache(const Problem& p, unsigned seed) {
  std::vector<float> values = testing::normal(
      static_cast<std::size_t>(p.batch() * p.heads) * static_cast<std::size_t>(p.stride()), seed);
  for (int b = 0; b < p.batch(); ++b) {
    for (int h = 0; h < p.heads; ++h) {
      for (long long i = static_cast<long long>(p.kv_len(b)) * p.head_dim; i < p.stride(); ++i) {
        values[static_cast<std::size_t>((b * p.heads + h) * p.stride() + i)] =
            std::numeric_limits<float>::quiet_NaN();
      }
    }
  }
  return values;
}

std::vector<Expected> softmax_scores(const Problem& p, const std::vector<double>& q,
                                     const std::vector<double>& k, double scale) {
  const int t_max = p.t_max();
  const int s = p.s();
  std::vector<Expected> out(at(p.batch(), p.heads, 0, t_max, 0, s, 0), {0.0, 0.0});
  for (int b = 0; b < p.batch(); ++b) {
    for (int h = 0; h < p.heads; ++h) {
      for (int t = 0; t < p.q_lens[static_cast<std::size_t>(b)]; ++t) {
        std::vector<double> scores;
        double error = 0.0;
        for (int i = 0; p.sees(b, t, i) && i < s; ++i) {
          double dot = 0.0;
          double magnitude = 0.0;
          for (int d = 0; d < p.head_dim; ++d) {
            const double term =
                q[at(b, t_max, t, p.heads, h, p.head_dim, d)] *
                k[static_cast<std::size_t>((b * p.heads + h) * p.stride() + i * p.head_dim + d)];
            dot += term;
            magnitude += std::fabs(term);
          }
          scores.push_back(dot * scale);
          error = std::max(error, 0x1p-24 * 32 * magnitude * scale);
        }
        const double highest = *std::max_element(scores.begin(), scores.end());
        double sum = 0.0;
        for (const double score : scores) sum += std::exp(score - highest);
        for (std::size_t i = 0; i < scores.size(); ++i) {
          const double value = std::exp(scores[i] - highest) / sum;
          out[at(b, p.heads, h, t_max, t, s, static_cast<long long>(i))] = {
              value, (2 * error + 0x1p-24 * 64) * value};
        }
      }
    }
  }
  return out;
}

void check_scores(const Problem& p, DType dtype, const std::vector<std::string>& versions,
                  float query_size = 1.0f) {
  const Stream stream;
  const int t_max = p.t_max();
  const int s = p.s();
  Tensor q(testing::normal(at(p.batch(), t_max, 0, p.heads, 0, p.head_dim, 0), 1, query_size),
           dtype, stream, "q");
  Tensor k(cache(p, 2), dtype, stream, "k");
  std::vector<unsigned char> mask;
  for (int b = 0; b < p.batch(); ++b) {
    for (int t = 0; t < t_max; ++t) {
      for (int i = 0; i < s; ++i) mask.push_back(p.sees(b, t, i) ? 1 : 0);
    }
  }
  DeviceBuffer<unsigned char> device_mask(mask, stream, "mask");
  const float scale = 1.0f / std::sqrt(static_cast<float>(p.head_dim));
  const auto expected = softmax_scores(p, q.given(), k.given(), static_cast<double>(scale));
  AttentionScoresArgs args{nullptr, q.data(), k.data(),   device_mask.data(), p.batch(), t_max,
                           p.heads, s,        p.head_dim, p.stride(),         scale,     dtype};
  testing::for_each_version(
      attention_scores_op(), args, versions, [&](const Version<AttentionScoresArgs>& version) {
        Tensor out(expected.size(), dtype, "p");
        args.p = out.data();
        version.launch(args, stream);
        testing::expect_near(out.now(stream), expected, dtype, p.text(version.name, dtype));
      });
}

void check_values(const Problem& p, DType dtype, const std::vector<std::string>& versions) {
  const Stream stream;
  const int t_max = p.t_max();
  const int s = p.s();
  std::vector<float> weights(at(p.batch(), p.heads, 0, t_max, 0, s, 0), 0.0f);
  const std::vector<float> random = testing::normal(weights.size(), 3, 0.1f);
  std::vector<int> kv_lens;
  for (int b = 0; b < p.batch(); ++b) {
    kv_lens.push_back(p.kv_len(b));
    for (int h = 0; h < p.heads; ++h) {
      for (int t = 0; t < t_max; ++t) {
        for (int i = 0; i < s; ++i) {
          const std::size_t index = at(b, p.heads, h, t_max, t, s, i);
          if (p.sees(b, t, i)) weights[index] = random[index];
        }
      }
    }
  }
  Tensor probabilities(weights, dtype, stream, "p");
  Tensor v(cache(p, 4), dtype, stream, "v");
  DeviceBuffer<int> device_kv_lens(kv_lens, stream, "kv_lens");

  const std::vector<double> given_p = probabilities.given();
  const std::vector<double> given_v = v.given();
  std::vector<Expected> expected;
  for (int b = 0; b < p.batch(); ++b) {
    for (int t = 0; t < t_max; ++t) {
      for (int h = 0; h < p.heads; ++h) {
        for (int d = 0; d < p.head_dim; ++d) {
          double sum = 0.0;
          double magnitude = 0.0;
          for (int i = 0; i < p.kv_len(b); ++i) {
            const double term = given_p[at(b, p.heads, h, t_max, t, s, i)] *
                                given_v[static_cast<std::size_t>((b * p.heads + h) * p.stride() +
                                                                 i * p.head_dim + d)];
            sum += term;
            magnitude += std::fabs(term);
          }
          expected.push_back({sum, 0x1p-24 * 64 * magnitude});
        }
      }
    }
  }
  AttentionValuesArgs args{nullptr,    probabilities.data(),
                           v.data(),   device_kv_lens.data(),
                           p.batch(),  t_max,
                           p.heads,    s,
                           p.head_dim, p.stride(),
                           dtype};
  testing::for_each_version(
      attention_values_op(), args, versions, [&](const Version<AttentionValuesArgs>& version) {
        Tensor out(expected.size(), dtype, "o");
        args.o = out.data();
        version.launch(args, stream);
        testing::expect_near(out.now(stream), expected, dtype, p.text(version.name, dtype));
      });
}

const std::vector<Problem>& vector_problems() {
  static const std::vector<Problem> problems{
      {{1}, {0}, 1, 8},                     // one key
      {{1, 1, 1}, {0, 130, 17}, 2, 64, 5},  // decode, ragged, spare slots
      {{5, 2, 9}, {3, 0, 150}, 3, 16},      // prefill after a cache, padding rows
      {{4}, {0}, 1, 128},                   // one block of rows exactly
      {{3}, {126}, 2, 80, 1},               // a width that does not divide the block
      {{6, 1}, {0, 400}, 1, 256},
      {{1, 1}, {0, 300}, 3, 128, 2},  // decode: more keys than a block takes at a time
      {{1, 1}, {9, 1500}, 1, 96},     // a long context; vectors that are no power of two
      {{1}, {40}, 2, 256},            // a key over a whole warp, in 16 bits
      {std::vector<int>(65, 1), std::vector<int>(65, 30), 2, 32},  // more heads than SMs
  };
  return problems;
}

TEST(AttentionScores, EveryVersionOnRaggedBatches) {
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const Problem& p : vector_problems()) {
      const bool one_query = p.t_max() == 1 && p.head_dim * size_of(dtype) <= 32 * 16;
      std::vector<std::string> versions{"v2_shared_keys", "v1_row_per_block"};
      if (one_query) versions.insert(versions.begin(), "v3_lanes_per_key");
      check_scores(p, dtype, versions);
    }
    check_scores({{3, 2}, {0, 7}, 2, 7, 3}, dtype, {"v1_row_per_block"});
  }
}

TEST(AttentionScores, ScoresWhoseExponentialOverflows) {
  for (const DType dtype : testing::FLOAT_DTYPES) {
    check_scores({{3, 1}, {5, 20}, 2, 64}, dtype, {"v2_shared_keys", "v1_row_per_block"}, 60.0f);
  }
}

TEST(AttentionScores, LongCachesEitherSideOfTheSharedMemoryLimits) {
  const std::vector<std::string> both{"v2_shared_keys", "v1_row_per_block"};
  check_scores({{2}, {4094}, 1, 8}, DType::kF16, both);
  check_scores({{2}, {4095}, 1, 8}, DType::kF16, both);
  check_scores({{1}, {57999}, 1, 8}, DType::kF16,
               {"v3_lanes_per_key", "v2_shared_keys", "v1_row_per_block"});
  check_scores({{1}, {58999}, 1, 8}, DType::kF16, {});
}

TEST(AttentionScores, RefusalsSayWhy) {
  AttentionScoresArgs args{nullptr, nullptr, nullptr, nullptr,     1,      1,
                           1,       16,      64,      16 * 64 + 4, 0.125f, DType::kF16};
  const auto reason = [&](std::string_view name) {
    for (const auto& version : attention_scores_op().versions) {
      if (version.name == name) return version.unsupported(args, properties());
    }
    return std::string("no such version");
  };
  EXPECT_NE(reason("v2_shared_keys").find("k_stride 1028"), std::string::npos);
  EXPECT_EQ(reason("v1_row_per_block"), "");
  args.s = 100000;
  EXPECT_NE(reason("v1_row_per_block").find("shared memory"), std::string::npos);
  args.s = 16;
  args.heads = 65536;
  EXPECT_NE(reason("v1_row_per_block").find("heads is 65536"), std::string::npos);
  args.heads = 1;
  args.k_stride = 16 * 64;
  EXPECT_EQ(reason("v3_lanes_per_key"), "");
  args.t_max = 2;
  EXPECT_NE(reason("v3_lanes_per_key").find("t_max is 2"), std::string::npos);
  args.t_max = 1;
  args.head_dim = 264;
  args.k_stride = 16 * 264;
  EXPECT_NE(reason("v3_lanes_per_key").find("head_dim is 264"), std::string::npos);
}

TEST(AttentionValues, EveryVersionOnRaggedBatches) {
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const Problem& p : vector_problems()) {
      std::vector<std::string> versions{"v2_shared_values", "v1_row_per_block"};
      if (p.t_max() == 1) versions.insert(versions.begin(), "v3_sliced_columns");
      check_values(p, dtype, versions);
    }
    check_values({{3, 2}, {0, 7}, 2, 7, 3}, dtype, {"v1_row_per_block"});
    check_values({{2}, {6}, 1, dtype == DType::kF32 ? 520 : 1032}, dtype, {"v1_row_per_block"});
  }
}

}  // namespace
}  // namespace assay
