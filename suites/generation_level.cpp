// Generations: prefill and decode through all layers, against Transformers' golden values, against
// LibTorch step by step on the engine's own tokens, and against the engine run another way.
#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <numeric>

#include "engine/generate.h"
#include "suites/levels.h"
#include "suites/model_checks.h"
#include "suites/model_test.h"

namespace assay::suites {
namespace {

constexpr int SMOKE_TOKENS = 12;

using Prompts = std::vector<std::vector<int>>;

// What an engine said: per sequence, its tokens and the logits (V) that each was picked from.
struct Run {
  std::vector<std::vector<int>> tokens;
  std::vector<std::vector<std::vector<float>>> logits;
};

void append(Run& run, const std::vector<int>& next, const std::vector<float>& logits) {
  const std::size_t vocab = logits.size() / next.size();
  for (std::size_t b = 0; b < next.size(); ++b) {
    run.tokens[b].push_back(next[b]);
    run.logits[b].emplace_back(logits.begin() + static_cast<std::ptrdiff_t>(b * vocab),
                               logits.begin() + static_cast<std::ptrdiff_t>((b + 1) * vocab));
  }
}

// Prefills, then decodes until each sequence has `count` tokens.
Run generate_with(Llama& llama, const Prompts& prompts, int count) {
  Run run;
  run.tokens.resize(prompts.size());
  run.logits.resize(prompts.size());
  llama.keep_logits(true);
  std::vector<int> lengths(prompts.size(), 0);
  std::vector<int> next = llama.prefill(prompts, lengths);
  append(run, next, llama.logits());
  for (std::size_t b = 0; b < prompts.size(); ++b) lengths[b] = static_cast<int>(prompts[b].size());
  for (int i = 1; i < count; ++i) {
    next = llama.decode(next, lengths);
    append(run, next, llama.logits());
    for (int& length : lengths) ++length;
  }
  return run;
}

// How many tokens fit after the longest prompt, at most `wanted`.
int tokens_that_fit(const Prompts& prompts, int context, int wanted) {
  std::size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
  return std::min(wanted, context - static_cast<int>(longest));
}

int argmax(const std::vector<float>& logits) {
  return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

HostTensor as_tensor(const std::vector<std::vector<float>>& rows, DType dtype) {
  const std::size_t width = rows.front().size();
  HostTensor tensor(dtype,
                    {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)});
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < width; ++i)
      tensor.set(r * width + i, static_cast<double>(rows[r][i]));
  }
  return tensor;
}

// The reference's logits for each of the tokens that followed `prompt`, given those before.
Answer answer_for(const ModelOracle& oracle, const std::vector<int>& prompt,
                  const std::vector<int>& generated, int prefill) {
  std::vector<int> fed = prompt;
  fed.insert(fed.end(), generated.begin(), generated.end() - 1);
  Answer answer = oracle.logits(fed, prefill);
  const auto skipped =
      static_cast<std::ptrdiff_t>((prompt.size() - 1) * static_cast<std::size_t>(answer.shape[1]));
  answer.exact.erase(answer.exact.begin(), answer.exact.begin() + skipped);
  answer.same_dtype.erase(answer.same_dtype.begin(), answer.same_dtype.begin() + skipped);
  answer.shape[0] = static_cast<std::int64_t>(generated.size());
  return answer;
}

void record_against_reference(const ModelTestContext& context, const ModelOracle& oracle,
                              const std::string& op, const Prompts& prompts, const Run& run,
                              int prefill) {
  for (std::size_t b = 0; b < prompts.size(); ++b) {
    const int first = prefill > 0 ? prefill : static_cast<int>(prompts[b].size());
    context.record("generation", op, fmt::format("{}.logits[{}]", op, b),
                   judge("logits", as_tensor(run.logits[b], context.dtype),
                         answer_for(oracle, prompts[b], run.tokens[b], first), oracle.longest_sum(),
                         stream_roundings(oracle.layers() - 1)));
  }
}

// Greedy tokens must be the argmax of the engine's own logits.
std::string find_wrong_argmax(const Run& run) {
  for (std::size_t b = 0; b < run.tokens.size(); ++b) {
    for (std::size_t i = 0; i < run.tokens[b].size(); ++i) {
      const int expected = argmax(run.logits[b][i]);
      if (run.tokens[b][i] != expected) {
        return fmt::format("sequence {}, token {}: picked {}, the largest logit is {}'s", b, i,
                           run.tokens[b][i], expected);
      }
    }
  }
  return "";
}

// Bitwise equality of two runs.
std::string find_difference(const Run& a, const Run& b) {
  for (std::size_t s = 0; s < a.tokens.size(); ++s) {
    for (std::size_t i = 0; i < a.tokens[s].size(); ++i) {
      if (a.logits[s][i] != b.logits[s][i]) {
        return fmt::format("the logits of sequence {}, token {} differ", s, i);
      }
      if (a.tokens[s][i] != b.tokens[s][i]) {
        return fmt::format("sequence {}, token {}: {} and {}", s, i, a.tokens[s][i],
                           b.tokens[s][i]);
      }
    }
  }
  return "";
}

// Ragged batch, greedy, prefill and decode: every step's logits against LibTorch.
void check_reference(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const Prompts prompts = ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
  const int count = tokens_that_fit(prompts, oracle.context(), 12);
  Llama llama(Checkpoint(context.model->folder),
              context.run_options(static_cast<int>(prompts.size())));
  const Run run = generate_with(llama, prompts, count);
  record_against_reference(context, oracle, "greedy", prompts, run, -1);
  context.record("generation", "greedy", "greedy.argmax", find_wrong_argmax(run));
}

// The same work done another way: in chunks, token by token, alone, without graphs, with garbage in
// unused cache slots.
void check_invariance(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const Prompts prompts = ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
  const int count = tokens_that_fit(prompts, oracle.context(), 6);
  const int batch = static_cast<int>(prompts.size());
  const Checkpoint checkpoint(context.model->folder);

  Llama llama(checkpoint, context.run_options(batch));
  const Run plain = generate_with(llama, prompts, count);

  const Run again = generate_with(llama, prompts, count);
  context.record("generation", "repeat", "repeat", find_difference(plain, again));

  RunOptions direct = context.run_options(batch);
  direct.graphs = false;
  Llama without_graphs(checkpoint, direct);
  context.record("generation", "graph", "graph = direct",
                 find_difference(plain, generate_with(without_graphs, prompts, count)));

  // 0x77 bytes are about 1e34 in bf16 and fp32, 30576 in fp16: one slot read by mistake shows.
  Llama garbage(checkpoint, context.run_options(batch));
  const std::size_t cache_bytes =
      KvCache::bytes(garbage.config(), context.dtype, batch, cache_slots(garbage.options()));
  fill_bytes(garbage.kv_cache().k(0), 0x77, cache_bytes, garbage.stream());
  context.record("generation", "garbage", "garbage in unused KV slots",
                 find_difference(plain, generate_with(garbage, prompts, count)));

  RunOptions chunked = context.run_options(batch);
  chunked.prefill_chunk = 4;
  Llama in_chunks(checkpoint, chunked);
  record_against_reference(context, oracle, "chunked", prompts,
                           generate_with(in_chunks, prompts, count), -1);

  Llama single(checkpoint, context.run_options(1));
  for (const auto& prompt : prompts) {
    record_against_reference(context, oracle, fmt::format("alone.{}", prompt.size()), {prompt},
                             generate_with(single, {prompt}, count), -1);
  }

  // Token by token: a prefill of one token, the rest of the prompt by decode.
  const std::vector<int>& prompt = prompts[0];
  Run steps;
  steps.tokens.resize(1);
  steps.logits.resize(1);
  single.keep_logits(true);
  std::vector<int> next = single.prefill({{prompt[0]}}, {0});
  for (std::size_t i = 1; i < prompt.size() + static_cast<std::size_t>(count); ++i) {
    if (i >= prompt.size()) append(steps, next, single.logits());
    if (i + 1 == prompt.size() + static_cast<std::size_t>(count)) break;
    const int token = i < prompt.size() ? prompt[i] : next[0];
    next = single.decode({token}, {static_cast<int>(i)});
  }
  record_against_reference(context, oracle, "stepwise", {prompt}, steps, 1);
}

// Sampled generation: what the reference picks from the engine's logits, and the same again.
void check_sampling(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const Prompts prompts = ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
  const int count = tokens_that_fit(prompts, oracle.context(), 12);
  std::vector<SamplingParams> params(prompts.size());
  params[0] = {0.8F, 0, 1.0F, 0.0F, 1.0F, 11};
  params[1] = {1.0F, 20, 0.9F, 0.0F, 1.2F, 12};
  params[2] = {1.3F, 0, 0.95F, 0.02F, 1.1F, (std::uint64_t{7} << 40) + 13};
  Llama llama(Checkpoint(context.model->folder),
              context.run_options(static_cast<int>(prompts.size())));
  llama.set_sampling(params);
  const Run run = generate_with(llama, prompts, count);
  context.record("generation", "sampling", "sampling.repeat",
                 find_difference(run, generate_with(llama, prompts, count)));

  constexpr double NEAR = 1e-4;  // decisions nearer than this may go either way in fp32
  std::string problem;
  int compared = 0;
  for (std::size_t b = 0; b < prompts.size() && problem.empty(); ++b) {
    std::vector<int> history = prompts[b];
    for (std::size_t i = 0; i < run.tokens[b].size(); ++i) {
      const auto [token, margin] = sample_with_reference(run.logits[b][i], params[b], history);
      if (margin > NEAR) ++compared;
      if (margin > NEAR && token != run.tokens[b][i]) {
        problem = fmt::format(
            "sequence {}, token {}: the engine picked {}, the reference {} (margin {:.2g})", b, i,
            run.tokens[b][i], token, margin);
        break;
      }
      history.push_back(run.tokens[b][i]);
    }
  }
  if (problem.empty() && compared == 0) problem = "no decision was clear enough to compare";
  context.record("generation", "sampling", "sampling.reference", problem);
}

// Transformers' greedy tokens and logits, in float32.
void check_golden(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  Llama llama(Checkpoint(context.model->folder), context.run_options(1));
  int index = 0;
  for (const reference::GoldenContinuation& golden : context.model->golden.continuations) {
    const std::vector<int> prompt(golden.prompt.begin(), golden.prompt.end());
    // A whole story is minutes of the emulated device; its beginning is enough for a first look.
    const int wanted = context.options->set == ShapeSet::kSmoke ? SMOKE_TOKENS : INT_MAX;
    const int count = std::min({static_cast<int>(golden.greedy.size()), wanted,
                                llama.max_seq() - static_cast<int>(prompt.size()) + 1});
    const Run run = generate_with(llama, {prompt}, count);

    // Transformers' own error against float64 takes the place of LibTorch's.
    Answer first = answer_for(oracle, prompt, {run.tokens[0][0]}, -1);
    first.same_dtype = golden.first_logits;
    context.record("generation", "golden", fmt::format("golden.logits[{}]", index),
                   judge("first logits", as_tensor({run.logits[0][0]}, context.dtype), first,
                         oracle.longest_sum(), stream_roundings(oracle.layers() - 1)));

    // Tokens are the same, up to one where Transformers' own two best are nearer than the two
    // engines' logits.
    std::string problem;
    for (int i = 0; i < count; ++i) {
      const auto step = static_cast<std::size_t>(i);
      const int expected = static_cast<int>(golden.greedy[step]);
      if (run.tokens[0][step] == expected) continue;
      double margin = 0.0;
      double error = 0.0;
      if (step < golden.top_ids.size()) {
        margin = golden.top_logits[step][0] - golden.top_logits[step][1];
        for (std::size_t k = 0; k < golden.top_ids[step].size(); ++k) {
          const auto id = static_cast<std::size_t>(golden.top_ids[step][k]);
          error = std::max(error, std::abs(golden.top_logits[step][k] -
                                           static_cast<double>(run.logits[0][step][id])));
        }
      }
      if (step >= golden.top_ids.size() || margin > 2.0 * error) {
        problem = fmt::format(
            "token {}: found {}, Transformers has {} (margin {:.3g}, logit error {:.3g})", i,
            run.tokens[0][step], expected, margin, error);
      }
      break;
    }
    context.record("generation", "golden", fmt::format("golden.tokens[{}]", index), problem);
    ++index;
  }
}

}  // namespace

void register_generation_tests(const Options& options, Report& report) {
  const std::vector<DType> all = {DType::kF32, DType::kF16, DType::kBF16};
  const std::vector<std::string> sets = {"best", "baseline"};
  register_model_tests("generation", "golden", options, report, {DType::kF32}, sets, check_golden);
  register_model_tests("generation", "reference", options, report, all, sets, check_reference);
  register_model_tests("generation", "invariance", options, report, all, {"best"},
                       check_invariance);
  register_model_tests("generation", "sampling", options, report, {DType::kF32, DType::kBF16},
                       {"best"}, check_sampling);
}

}  // namespace assay::suites
