// The engine against itself: every way to the same result must give the same result. What is right
// is for suites/ to say, with LibTorch.
#include "engine/llama.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "engine/generate.h"
#include "engine/inspect.h"
#include "engine/perplexity.h"
#include "engine/random_weights.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/tiny_model.h"
#include "kernels/device/properties.h"

namespace assay {
namespace {

using testing::tiny_config;

constexpr std::uint64_t kSeed = 11;

RunOptions options_for(int batch) {
  RunOptions options;
  options.max_batch = batch;
  return options;
}

/// Random weights of standard deviation 0.02 hardly move the residual stream of a model this
/// narrow; 25 times that lets every op matter.
class LoudWeights final : public WeightSource {
 public:
  explicit LoudWeights(ModelConfig config) : quiet_(std::move(config), kSeed) {}
  const ModelConfig& config() const override { return quiet_.config(); }
  void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
            void* out) const override {
    ASSERT_EQ(dtype, DType::kF32);
    quiet_.read(name, first, count, dtype, out);
    if (name.ends_with("norm.weight")) return;
    for (std::int64_t i = 0; i < count; ++i) static_cast<float*>(out)[i] *= 25;
  }

 private:
  RandomWeights quiet_;
};

Llama make(const ModelConfig& config, const RunOptions& options) {
  return Llama(LoudWeights(config), options);
}

std::vector<Request> requests_for(const std::vector<std::vector<int>>& prompts, int max_tokens) {
  std::vector<Request> requests;
  for (const std::vector<int>& prompt : prompts) {
    Request request;
    request.prompt_ids = prompt;
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    requests.push_back(request);
  }
  return requests;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4) << "at " << i;
}

const std::vector<std::vector<int>> kPrompts = {
    {1, 7, 33, 12, 5}, {9}, {2, 2, 40, 41, 3, 17, 8, 30, 6}};

TEST(Llama, RaggedBatchEqualsEachAlone) {
  Llama together = make(tiny_config(), options_for(3));
  Llama alone = make(tiny_config(), options_for(1));
  const std::vector<Request> requests = requests_for(kPrompts, 7);
  const std::vector<Result> batch = generate(together, nullptr, requests);
  const std::vector<Result> single = generate(alone, nullptr, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(batch[i].token_ids, single[i].token_ids) << i;
    EXPECT_EQ(batch[i].token_ids.size(), 7U);
  }
}

TEST(Llama, SequencesThatFinishEarlyDisturbNobody) {
  std::vector<Request> requests = requests_for(kPrompts, 9);
  requests[0].max_tokens = 1;
  requests[2].max_tokens = 4;
  Llama together = make(tiny_config(), options_for(3));
  Llama alone = make(tiny_config(), options_for(1));
  const std::vector<Result> batch = generate(together, nullptr, requests);
  const std::vector<Result> single = generate(alone, nullptr, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(batch[i].token_ids, single[i].token_ids) << i;
  }
}

TEST(Llama, PrefillEqualsChunksEqualsSteps) {
  Llama whole = make(tiny_config(), options_for(3));
  whole.keep_logits(true);
  const std::vector<int> next = whole.prefill(kPrompts, {0, 0, 0});

  RunOptions chunked_options = options_for(3);
  chunked_options.prefill_chunk = 2;
  Llama chunked = make(tiny_config(), chunked_options);
  chunked.keep_logits(true);
  EXPECT_EQ(chunked.prefill(kPrompts, {0, 0, 0}), next);
  expect_near(chunked.logits(), whole.logits());

  Llama steps = make(tiny_config(), options_for(1));
  steps.keep_logits(true);
  const auto V = static_cast<std::size_t>(tiny_config().vocab_size);
  for (std::size_t b = 0; b < kPrompts.size(); ++b) {
    int token = 0;
    for (std::size_t t = 0; t < kPrompts[b].size(); ++t) {
      token = steps.decode({kPrompts[b][t]}, {static_cast<int>(t)})[0];
    }
    EXPECT_EQ(token, next[b]);
    const auto row = whole.logits().begin() + static_cast<std::ptrdiff_t>(b * V);
    expect_near(steps.logits(), {row, row + static_cast<std::ptrdiff_t>(V)});
  }
}

TEST(Llama, SharingTheArenaChangesNoBit) {
  // What reads a tensor after its planned last use sees whatever took its place.
  for (const int kv_heads : {2, 4}) {
    ModelConfig config = tiny_config();
    config.num_key_value_heads = kv_heads;
    RunOptions options = options_for(3);
    options.prefill_chunk = 3;
    Llama shared = make(config, options);
    options.share_arena = false;
    Llama apart = make(config, options);
    EXPECT_LT(shared.plan().total_bytes, apart.plan().total_bytes);
    for (Llama* model : {&shared, &apart}) {
      model->keep_logits(true);
      model->prefill(kPrompts, {0, 0, 0});
    }
    EXPECT_EQ(shared.logits(), apart.logits());
    for (Llama* model : {&shared, &apart}) model->decode({4, 5, 6}, {5, 1, 9});
    EXPECT_EQ(shared.logits(), apart.logits());
  }
}

TEST(Llama, GraphsEqualDirectLaunches) {
  RunOptions direct_options = options_for(2);
  direct_options.graphs = false;
  Llama graphs = make(tiny_config(), options_for(2));
  Llama direct = make(tiny_config(), direct_options);
  const std::vector<Request> requests = requests_for({kPrompts[0], kPrompts[2]}, 8);
  const std::vector<Result> a = generate(graphs, nullptr, requests);
  const std::vector<Result> b = generate(direct, nullptr, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(a[i].token_ids, b[i].token_ids);
}

TEST(Llama, SampledTokensDependOnTheSeedAlone) {
  std::vector<Request> requests = requests_for({kPrompts[0], kPrompts[0], kPrompts[0]}, 12);
  for (Request& request : requests) request.sampling.temperature = 2.0F;
  requests[0].sampling.seed = 5;
  requests[1].sampling.seed = 6;
  requests[2].sampling.seed = 5;
  Llama together = make(tiny_config(), options_for(3));
  Llama alone = make(tiny_config(), options_for(1));
  const std::vector<Result> batch = generate(together, nullptr, requests);
  EXPECT_EQ(batch[0].token_ids, batch[2].token_ids);
  EXPECT_NE(batch[0].token_ids, batch[1].token_ids);
  EXPECT_EQ(generate(alone, nullptr, {requests[1]})[0].token_ids, batch[1].token_ids);
}

TEST(Llama, RepetitionPenaltySeesTheWholeHistory) {
  // A penalty this strong forbids every token that the prompt or the continuation holds.
  std::vector<Request> requests = requests_for({kPrompts[2], kPrompts[0]}, 10);
  for (Request& request : requests) request.sampling.repetition_penalty = 1e6F;
  RunOptions options = options_for(2);
  options.prefill_chunk = 4;
  Llama model = make(tiny_config(), options);
  const std::vector<Result> results = generate(model, nullptr, requests);
  for (std::size_t i = 0; i < results.size(); ++i) {
    std::vector<int> seen = requests[i].prompt_ids;
    for (const int token : results[i].token_ids) {
      EXPECT_EQ(std::count(seen.begin(), seen.end(), token), 0) << "token " << token;
      seen.push_back(token);
    }
  }
}

TEST(Llama, EveryFeatureChangesTheLogitsAndIsSteady) {
  std::vector<std::pair<const char*, ModelConfig>> variants;
  const auto variant = [&](const char* name, auto change) {
    ModelConfig config = tiny_config();
    change(config);
    variants.emplace_back(name, config);
  };
  variant("plain", [](ModelConfig&) {});
  variant("mqa", [](ModelConfig& c) { c.num_key_value_heads = 1; });
  variant("mha", [](ModelConfig& c) { c.num_key_value_heads = 4; });
  variant("head_dim", [](ModelConfig& c) { c.head_dim = 8; });
  variant("attention_bias", [](ModelConfig& c) { c.attention_bias = true; });
  variant("mlp_bias", [](ModelConfig& c) { c.mlp_bias = true; });
  variant("tied", [](ModelConfig& c) { c.tie_word_embeddings = true; });
  variant("theta", [](ModelConfig& c) { c.rope_theta = 100; });
  variant("eps", [](ModelConfig& c) { c.rms_norm_eps = 0.1F; });
  variant("linear", [](ModelConfig& c) {
    c.rope_scaling = RopeScaling::kLinear;
    c.rope_factor = 4;
  });
  variant("dynamic", [](ModelConfig& c) {
    c.rope_scaling = RopeScaling::kDynamic;
    c.rope_factor = 4;
    c.max_position_embeddings = 6;  // shorter than the prompt
  });
  std::vector<std::vector<float>> seen;
  for (const auto& [name, config] : variants) {
    RunOptions options = options_for(1);
    Llama whole = make(config, options);
    whole.keep_logits(true);
    whole.prefill({kPrompts[2]}, {0});
    for (const float logit : whole.logits()) ASSERT_TRUE(std::isfinite(logit)) << name;
    options.prefill_chunk = 3;
    Llama chunked = make(config, options);
    chunked.keep_logits(true);
    chunked.prefill({kPrompts[2]}, {0});
    SCOPED_TRACE(name);
    expect_near(chunked.logits(), whole.logits());
    for (const std::vector<float>& other : seen) EXPECT_NE(other, whole.logits());
    seen.push_back(whole.logits());
  }
}

TEST(Llama, DynamicRopeGivesTheSameInABatchAsAlone) {
  ModelConfig config = tiny_config();
  config.rope_scaling = RopeScaling::kDynamic;
  config.rope_factor = 4;
  config.max_position_embeddings = 6;
  const std::vector<Request> requests = requests_for(kPrompts, 6);
  Llama together = make(config, options_for(3));
  Llama alone = make(config, options_for(1));
  const std::vector<Result> batch = generate(together, nullptr, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(batch[i].token_ids, generate(alone, nullptr, {requests[i]})[0].token_ids);
  }
}

TEST(Llama, StopsAtStopTokensAndAtTheContext) {
  ModelConfig config = tiny_config();
  Llama free_model = make(config, options_for(1));
  std::vector<Request> requests = requests_for({kPrompts[0]}, 1000);
  const Result whole = generate(free_model, nullptr, requests)[0];
  EXPECT_EQ(whole.finish_reason, FinishReason::kLength);
  EXPECT_EQ(whole.token_ids.size(), 32U - 5U + 1U);  // the last token is never fed back

  config.eos_token_ids = {whole.token_ids[3]};
  Llama stopping = make(config, options_for(1));
  requests[0].ignore_eos = false;
  const Result stopped = generate(stopping, nullptr, requests)[0];
  EXPECT_EQ(stopped.finish_reason, FinishReason::kStop);
  const auto first = std::find(whole.token_ids.begin(), whole.token_ids.end(), whole.token_ids[3]);
  EXPECT_EQ(stopped.token_ids, std::vector<int>(whole.token_ids.begin(), first + 1));
}

TEST(Llama, LogprobsBelongToTheTokens) {
  std::vector<Request> requests = requests_for({kPrompts[0], kPrompts[1]}, 5);
  requests[0].top_logprobs = 48;
  Llama model = make(tiny_config(), options_for(2));
  const std::vector<Result> results = generate(model, nullptr, requests);
  EXPECT_TRUE(results[1].top_logprobs.empty());
  ASSERT_EQ(results[0].top_logprobs.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    const std::vector<TokenLogprob>& step = results[0].top_logprobs[i];
    EXPECT_EQ(step[0].id, results[0].token_ids[i]);  // greedy
    EXPECT_FLOAT_EQ(step[0].logprob, results[0].token_logprobs[i]);
    double total = 0;
    for (const TokenLogprob& token : step) total += std::exp(static_cast<double>(token.logprob));
    EXPECT_NEAR(total, 1, 1e-4);
  }
}

TEST(Llama, TapsTellWhichVersionsRanSinceTheLast) {
  for (const std::string version : {"v1_elementwise", "v2_vectors"}) {
    RunOptions options = options_for(1);
    options.kernels = KernelSet::parse("best,swiglu=" + version);
    Llama model = make(tiny_config(), options);
    std::map<std::string, std::string> launched;
    model.set_observer([&](const Tap& tap) {
      std::string& list = launched[tap.name];
      list.clear();
      for (const Launched& one : tap.launched) list += one.op + "=" + one.version + " ";
    });
    model.prefill({kPrompts[0]}, {0});
    const std::vector<int> next = model.decode({7}, {static_cast<int>(kPrompts[0].size())});
    EXPECT_EQ(launched["layer.1.feed_forward.swiglu"], "swiglu=" + version + " ");
    EXPECT_NE(launched["layer.0.attention.scores"].find("kv_append="), std::string::npos);
    // The sampling after the prefill is not what made the next step's embedding.
    EXPECT_EQ(launched["embedding"].find("sampling"), std::string::npos);
    EXPECT_NE(launched["embedding"].find("embedding="), std::string::npos);
  }
}

TEST(Llama, AnObserverMayOverwriteWhatFollowingOpsRead) {
  Llama model = make(tiny_config(), options_for(1));
  model.keep_logits(true);
  model.prefill({kPrompts[0]}, {0});
  const std::vector<float> plain = model.logits();
  model.set_observer([&](const Tap& tap) {
    if (tap.name == "layer.0.feed_forward.down") {
      fill_bytes(tap.data, 0, 4 * static_cast<std::size_t>(tap.shape[0] * tap.shape[1]),
                 model.stream());
    }
  });
  model.prefill({kPrompts[0]}, {0});
  EXPECT_NE(model.logits(), plain);
}

TEST(Llama, TapsComeInOrderAndCostNoResult) {
  Llama model = make(tiny_config(), options_for(1));
  model.keep_logits(true);
  model.prefill({kPrompts[0]}, {0});
  const std::vector<float> plain = model.logits();
  std::vector<std::string> names;
  model.set_observer([&](const Tap& tap) {
    names.push_back(tap.name);
    if (tap.name == "layer.1.attention.scores") {
      EXPECT_EQ(tap.shape, (std::vector<long long>{1, 4, 5, 64}));
    }
    if (tap.name == "layer.0.attention.qkv") {
      EXPECT_EQ(tap.shape, (std::vector<long long>{5, 32}));
    }
  });
  model.prefill({kPrompts[0]}, {0});
  EXPECT_EQ(model.logits(), plain);
  const std::vector<std::string> expected_start = {
      "embedding",
      "layer.0.attention.norm",
      "layer.0.attention.qkv",
      "layer.0.attention.rope",
      "layer.0.attention.scores",
      "layer.0.attention.values",
      "layer.0.attention.output",
      "layer.0.attention.residual",
      "layer.0.feed_forward.norm",
      "layer.0.feed_forward.gate_up",
      "layer.0.feed_forward.swiglu",
      "layer.0.feed_forward.down",
      "layer.0.feed_forward.residual",
      "layer.1.attention.norm",
  };
  ASSERT_EQ(names.size(), 1U + 2U * 12U + 2U);
  for (std::size_t i = 0; i < expected_start.size(); ++i) EXPECT_EQ(names[i], expected_start[i]);
  EXPECT_EQ(names[names.size() - 2], "final.norm");
  EXPECT_EQ(names.back(), "logits");
}

TEST(Llama, DeviceMemoryIsWhatWasForecast) {
  reset_memory_stats();
  const std::size_t before = memory_stats().live_bytes;
  Llama model = make(tiny_config(), options_for(2));
  generate(model, nullptr, requests_for({kPrompts[0], kPrompts[1]}, 4));
  const auto used = static_cast<double>(memory_stats().peak_bytes - before);
  const auto forecast =
      static_cast<double>(forecast_memory(model.config(), model.options()).total_bytes());
  EXPECT_NEAR(used / forecast, 1, 0.05);
}

TEST(Llama, ImpossibleOptionsAreInputErrors) {
  RunOptions options = options_for(1);
  options.max_seq = 33;
  EXPECT_INPUT_ERROR(make(tiny_config(), options), "sequence length", "32", "found 33");
  EXPECT_INPUT_ERROR(make(tiny_config(), options_for(0)), "batch", "found 0");
}

TEST(Perplexity, WindowsScoreEveryTokenOnce) {
  RunOptions options = options_for(1);
  options.all_logits = true;
  options.prefill_chunk = 5;
  Llama model = make(tiny_config(), options);
  std::vector<int> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(i * 7 % 48);
  const std::vector<double> whole = score(model, ids);
  ASSERT_EQ(whole.size(), 29U);
  double nll = 0;
  for (const double logprob : whole) nll -= logprob;
  const PerplexityResult one = perplexity(model, ids, {32, 16});
  EXPECT_EQ(one.scored_tokens, 29);
  EXPECT_NEAR(one.mean_nll, nll / 29, 1e-9);
  EXPECT_NEAR(one.perplexity, std::exp(nll / 29), 1e-6);

  // Windows of 10 every 5: the first scores 9 tokens, each later one 5, with 5 to 9 before them.
  const PerplexityResult windows = perplexity(model, ids, {10, 5});
  double expected = 0;
  for (std::size_t first = 0, scored = 1; scored < ids.size(); first += 5) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<double> part = score(model, {begin, begin + 10});
    for (std::size_t t = scored; t < first + 10; ++t) expected -= part[t - first - 1];
    scored = first + 10;
  }
  EXPECT_EQ(windows.scored_tokens, 29);
  EXPECT_NEAR(windows.mean_nll, expected / 29, 1e-9);
  EXPECT_NE(windows.mean_nll, one.mean_nll);

  EXPECT_INPUT_ERROR(perplexity(model, ids, {33, 5}), "context", "32", "found 33");
  EXPECT_INPUT_ERROR(perplexity(model, ids, {10, 10}), "stride", "found 10");
  EXPECT_INPUT_ERROR(perplexity(model, {1}, {10, 5}), "two tokens", "found 1");
}

}  // namespace
}  // namespace assay
