// Work points against the engine itself: the launches of a real step are recorded, and the cases
// made for the same point have to ask for the same.
#include "suites/work_point.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "engine/llama.h"
#include "engine/random_weights.h"
#include "kernels/attention_scores/attention_scores.h"
#include "kernels/attention_values/attention_values.h"
#include "kernels/causal_mask/causal_mask.h"
#include "kernels/embedding/embedding.h"
#include "kernels/kv_append/kv_append.h"
#include "kernels/kv_broadcast/kv_broadcast.h"
#include "kernels/linear/linear.h"
#include "kernels/padding_offsets/padding_offsets.h"
#include "kernels/padding_remove/padding_remove.h"
#include "kernels/padding_restore/padding_restore.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/sampling/sampling.h"
#include "kernels/swiglu/swiglu.h"
#include "suites/cases/cases.h"

namespace assay::suites {
namespace {

// Every number of an op's Args, none of its pointers.
using Numbers = std::vector<long long>;

Numbers with(DType dtype, Numbers numbers) {
  numbers.push_back(static_cast<long long>(dtype));
  return numbers;
}
Numbers numbers_of(const EmbeddingArgs& a) { return with(a.dtype, {a.tokens, a.width, a.vocab}); }
Numbers numbers_of(const PaddingOffsetsArgs& a) { return {a.batch, a.tokens, a.t_max}; }
Numbers numbers_of(const PaddingRemoveArgs& a) { return with(a.dtype, {a.tokens, a.width}); }
Numbers numbers_of(const PaddingRestoreArgs& a) {
  return with(a.dtype, {a.batch, a.t_max, a.width, a.x_stride});
}
Numbers numbers_of(const CausalMaskArgs& a) { return {a.batch, a.t_max, a.s}; }
Numbers numbers_of(const RmsNormArgs& a) { return with(a.dtype, {a.rows, a.width}); }
Numbers numbers_of(const LinearArgs& a) {
  return with(a.dtype, {a.m, a.n, a.k, a.bias != nullptr ? 1 : 0});
}
Numbers numbers_of(const RopeArgs& a) {
  return with(a.dtype, {a.tokens, a.heads, a.kv_heads, a.head_dim});
}
Numbers numbers_of(const KvAppendArgs& a) {
  return with(a.dtype, {a.tokens, a.t_max, a.heads, a.kv_heads, a.s_max, a.head_dim});
}
Numbers numbers_of(const KvBroadcastArgs& a) {
  return with(a.dtype, {a.batch, a.heads, a.kv_heads, a.s, a.s_max, a.head_dim});
}
Numbers numbers_of(const AttentionScoresArgs& a) {
  return with(a.dtype, {a.batch, a.t_max, a.heads, a.s, a.head_dim, a.k_stride});
}
Numbers numbers_of(const AttentionValuesArgs& a) {
  return with(a.dtype, {a.batch, a.t_max, a.heads, a.s, a.head_dim, a.v_stride});
}
Numbers numbers_of(const ResidualAddArgs& a) { return with(a.dtype, {a.count}); }
Numbers numbers_of(const SwigluArgs& a) { return with(a.dtype, {a.tokens, a.width}); }
Numbers numbers_of(const SamplingArgs& a) {
  return with(a.dtype, {a.batch, a.vocab, a.history_stride});
}

// For one op: the numbers of an engine's launch, and those of a case's.
struct Reader {
  Numbers (*of_launch)(const std::any& args);
  Numbers (*of_case)(const Case& c);
};
template <class Args>
Numbers last_numbers;
template <class Args>
void keep_numbers(const Args& args, const Stream&) {
  last_numbers<Args> = numbers_of(args);
}
template <class Args>
Reader reader() {
  return {[](const std::any& args) { return numbers_of(std::any_cast<const Args&>(args)); },
          [](const Case& c) {
            const Pointers pointers(c.operands.size(), &last_numbers<Args>);  // none is followed
            c.launch_other(&keep_numbers<Args>, pointers, Stream());
            return last_numbers<Args>;
          }};
}
const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> all{
      {"embedding", reader<EmbeddingArgs>()},
      {"padding_offsets", reader<PaddingOffsetsArgs>()},
      {"padding_remove", reader<PaddingRemoveArgs>()},
      {"padding_restore", reader<PaddingRestoreArgs>()},
      {"causal_mask", reader<CausalMaskArgs>()},
      {"rms_norm", reader<RmsNormArgs>()},
      {"linear", reader<LinearArgs>()},
      {"rope", reader<RopeArgs>()},
      {"kv_append", reader<KvAppendArgs>()},
      {"kv_broadcast", reader<KvBroadcastArgs>()},
      {"attention_scores", reader<AttentionScoresArgs>()},
      {"attention_values", reader<AttentionValuesArgs>()},
      {"residual_add", reader<ResidualAddArgs>()},
      {"swiglu", reader<SwigluArgs>()},
      {"sampling", reader<SamplingArgs>()},
  };
  return all;
}
// Of weights that the engine does not run yet.
const std::set<std::string> QUANTIZED{"quantize", "dequantize", "linear_quantized"};

using Launches = std::map<std::string, std::set<Numbers>>;

// What the engine launches in a step at this point.
Launches launches_of(const ModelConfig& config, const WorkPoint& point, DType dtype) {
  RunOptions options;
  options.dtype = dtype;
  options.max_batch = point.batch;
  options.max_seq = point.seq;
  options.prefill_chunk = point.seq;
  Llama llama(RandomWeights(config, 1), options);
  Launches launches;
  llama.set_observer([&](const Tap& tap) {
    for (const Launched& one : tap.launched) {
      const auto found = readers().find(one.op);
      ASSERT_NE(found, readers().end()) << "the engine launches " << one.op;
      launches[one.op].insert(found->second.of_launch(one.args));
    }
  });
  StepInput input;
  for (int b = 0; b < point.batch; ++b) {
    input.ids.emplace_back(point.q_len(), 3 + b);
    input.past_lens.push_back(point.past());
  }
  const Step step = llama.begin_step(input);
  llama.forward(step, LogitRows::kLast);
  llama.sample(step);
  llama.embed(step);  // its first tap brings what was launched since the last one: sampling
  llama.stream().synchronize();
  return launches;
}

// What the cases made for the point launch.
Launches cases_at(const ModelConfig& config, const WorkPoint& point, DType dtype) {
  Launches launches;
  for (const Problem& problem : problems_at(config, point)) {
    if (QUANTIZED.count(problem.op) > 0) continue;
    const CaseFamily& family = find_family(all_families(), problem.op);
    const Case c =
        family.make(values_of(problem, family), problem.dtype.value_or(dtype), ShapeSet::kSweep);
    launches[problem.op].insert(readers().at(problem.op).of_case(c));
  }
  return launches;
}

class Points : public testing::TestWithParam<WorkPoint> {};

TEST_P(Points, AskForWhatTheEngineLaunches) {
  ModelConfig grouped = preset_config("tiny");  // two query heads to a key head
  ModelConfig even = grouped;
  even.num_key_value_heads = even.num_attention_heads;
  ModelConfig biased = grouped;
  biased.attention_bias = true;
  biased.mlp_bias = true;
  ModelConfig wide_heads = grouped;  // H D is not C
  wide_heads.head_dim = 32;
  for (const ModelConfig& config : {grouped, even, biased, wide_heads}) {
    for (const DType dtype : {DType::kF32, DType::kF16}) {
      EXPECT_EQ(cases_at(config, GetParam(), dtype), launches_of(config, GetParam(), dtype));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, Points,
                         testing::Values(WorkPoint{Phase::kPrefill, 1, 5},
                                         WorkPoint{Phase::kPrefill, 3, 64},
                                         WorkPoint{Phase::kDecode, 1, 1},
                                         WorkPoint{Phase::kDecode, 4, 70},
                                         WorkPoint{Phase::kDecode, 2, 128}));

TEST(WorkPoint, EveryOpHasProblemsOrSaysWhyNot) {
  ModelConfig grouped = preset_config("70b");
  ModelConfig even = preset_config("7b");
  for (const CaseFamily& family : all_families()) {
    EXPECT_EQ(why_absent(family.op, grouped), "") << family.op;
    const bool broadcasts = family.op == "kv_broadcast";
    EXPECT_EQ(why_absent(family.op, even).empty(), !broadcasts) << family.op;
    for (const ModelConfig& config : {grouped, even}) {
      for (const Phase phase : {Phase::kPrefill, Phase::kDecode}) {
        int problems = 0;
        for (const Problem& problem : problems_at(config, {phase, 2, 128})) {
          if (problem.op != family.op) continue;
          ++problems;
          EXPECT_EQ(family.impossible(values_of(problem, family)), "") << family.op;
        }
        EXPECT_EQ(problems > 0, why_absent(family.op, config).empty())
            << family.op << " " << name_of(phase);
      }
    }
  }
  EXPECT_NE(why_absent("kv_broadcast", even).find("as many key and value heads"),
            std::string::npos);
  EXPECT_NE(why_absent("no_such_op", even).find("does not launch"), std::string::npos);
}

TEST(WorkPoint, QuantizedProductsAreThoseOfTheLayer) {
  const ModelConfig config = preset_config("7b");
  std::set<std::pair<long long, long long>> dense;
  std::set<std::pair<long long, long long>> quantized;
  for (const Problem& p : problems_at(config, {Phase::kDecode, 8, 128})) {
    const std::map<std::string, long long> d(p.dimensions.begin(), p.dimensions.end());
    if (p.op == "linear" && d.at("n") != config.vocab_size) dense.insert({d.at("n"), d.at("k")});
    if (p.op != "linear_quantized") continue;
    quantized.insert({d.at("n"), d.at("k")});
    EXPECT_EQ(d.at("m"), 8);
    EXPECT_EQ(d.at("group_size"), 128);
  }
  EXPECT_EQ(dense.size(), 4u);
  EXPECT_EQ(quantized, dense);
}

TEST(WorkPoint, RefusesWhatACaseCannotSay) {
  const std::string op = "rms_norm";
  const CaseFamily& family = find_family(all_families(), op);
  EXPECT_THROW(values_of({"rms_norm", {}, {{"rows", 1LL << 31}, {"width", 8}}}, family), Error);
  EXPECT_THROW(values_of({"rms_norm", {}, {{"rows", 4}}}, family), Error) << "no width";
  EXPECT_THROW(values_of({"rms_norm", {}, {{"rows", 4}, {"height", 8}}}, family), InputError);
}

TEST(WorkPoint, EndsAtTheModelsContext) {
  const ModelConfig config = preset_config("7b");
  EXPECT_EQ(beyond(config, {Phase::kDecode, 1, 4096}), "");
  EXPECT_NE(beyond(config, {Phase::kDecode, 1, 4097}).find("4096"), std::string::npos);
}

}  // namespace
}  // namespace assay::suites
