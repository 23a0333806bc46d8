// Generations: prefill and decode through all layers, against Transformers' golden values, against
// LibTorch step by step on the engine's own tokens, and on text that neither has made.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <cmath>

#include "suites/generations.h"
#include "suites/levels.h"
#include "suites/quality.h"

namespace assay::suites {
namespace {

constexpr int SMOKE_TOKENS = 12;

// Greedy tokens must be the argmax of the engine's own logits.
std::string find_wrong_argmax(const Run& run) {
  for (std::size_t b = 0; b < run.tokens.size(); ++b) {
    for (std::size_t i = 0; i < run.tokens[b].size(); ++i) {
      const std::vector<float>& logits = run.logits[b][i];
      const auto expected =
          static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      if (run.tokens[b][i] != expected) {
        return fmt::format("sequence {}, token {}: picked {}, the largest logit is {}'s", b, i,
                           run.tokens[b][i], expected);
      }
    }
  }
  return "";
}

// Ragged batch, greedy, prefill and decode: every step's logits, and the tokens picked from them,
// against LibTorch, which is fed the engine's tokens.
void check_reference(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const Prompts prompts = ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
  const int count = tokens_that_fit(prompts, oracle.context(), 12);
  Llama llama(Checkpoint(context.model->folder),
              context.run_options(static_cast<int>(prompts.size())));
  const Run run = generate_with(llama, prompts, count);
  std::vector<Answer> answers;
  Prompts expected;
  for (std::size_t b = 0; b < prompts.size(); ++b) {
    answers.push_back(
        answer_for(oracle, prompts[b], run.tokens[b], static_cast<int>(prompts[b].size())));
    expected.push_back(greedy_of(answers.back()));
  }
  bool right = record_logits(context, oracle, "greedy", run, answers);
  right &= record_tokens(context, oracle, "greedy", run, expected, answers);
  context.record("generation", "greedy", "greedy.argmax", find_wrong_argmax(run));
  if (!right) context.explain(script_of(context, prompts, run.tokens), oracle);
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
  record_same(context, "sampling", "sampling.repeat", run, generate_with(llama, prompts, count));

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

// Transformers' greedy tokens and logits, in float32; the engine is fed Transformers' tokens.
void check_golden(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const auto& continuations = context.model->golden.continuations;
  // A whole story is minutes of the emulated device; its beginning is enough for a first look.
  int count = context.options->set == ShapeSet::kSmoke ? SMOKE_TOKENS : INT_MAX;
  Prompts prompts;
  Prompts greedy;
  for (const reference::GoldenContinuation& golden : continuations) {
    prompts.emplace_back(golden.prompt.begin(), golden.prompt.end());
    greedy.emplace_back(golden.greedy.begin(), golden.greedy.end());
    count = std::min(count, static_cast<int>(golden.greedy.size()));
  }
  // Under dynamic rope scaling a sequence alone is not that sequence in a batch: the frequencies
  // are those of the longest.
  const std::size_t group = oracle.dynamic_rope() ? 1 : prompts.size();
  Llama llama(Checkpoint(context.model->folder), context.run_options(static_cast<int>(group)));
  bool right = true;
  for (std::size_t first = 0; first < prompts.size(); first += group) {
    const auto part = [&](const Prompts& all) {
      return Prompts(all.begin() + static_cast<std::ptrdiff_t>(first),
                     all.begin() + static_cast<std::ptrdiff_t>(first + group));
    };
    const Prompts fed = part(prompts);
    const int fit = tokens_that_fit(fed, llama.max_seq() + 1, count);
    Prompts expected = part(greedy);
    for (std::vector<int>& tokens : expected) tokens.resize(static_cast<std::size_t>(fit));
    const Run run = generate_with(llama, fed, fit, &expected);

    std::vector<Answer> answers;
    std::vector<Answer> first_logits;
    Run first_step;
    for (std::size_t b = 0; b < group; ++b) {
      answers.push_back(answer_for(oracle, fed[b], expected[b], static_cast<int>(fed[b].size())));
      // Transformers' own error against float64 takes the place of LibTorch's.
      Answer& answer = first_logits.emplace_back(answers.back());
      answer.shape[0] = 1;
      answer.exact.resize(static_cast<std::size_t>(answer.shape[1]));
      answer.same_dtype = continuations[first + b].first_logits;
      first_step.logits.push_back({run.logits[b][0]});
    }
    const std::string op = group == 1 ? fmt::format("golden.{}", first) : "golden";
    bool sound = record_logits(context, oracle, op, first_step, first_logits);
    sound &= record_tokens(context, oracle, op, run, expected, answers);
    if (!sound && right) context.explain(script_of(context, fed, expected), oracle);
    right &= sound;
  }
}

// Texts that the model has not been trained on: held-out stories, or, for a random model, random
// tokens.
Prompts held_out(const ModelTestContext& context, const ModelOracle& oracle) {
  const bool quick = properties().kind == DeviceKind::kEmulated;
  const bool sweep = context.options->set == ShapeSet::kSweep;
  const std::size_t texts = quick ? (sweep ? 4 : 1) : (sweep ? 40 : 10);
  const auto most =
      static_cast<std::size_t>(std::min(oracle.context(), quick && !sweep ? 80 : INT_MAX));
  const Prompts stories = context.model->held_out();
  Prompts prompts;
  Random random(seed_for(context.options->seed, "held out"));
  for (std::size_t i = 0; i < texts; ++i) {
    std::vector<int>& ids = prompts.emplace_back();
    if (!stories.empty()) {
      ids = stories[(context.options->seed * texts + i) % stories.size()];
    } else {
      while (ids.size() < most) ids.push_back(random.between(3, oracle.vocab() - 1));
    }
    ids.resize(std::min(ids.size(), most));
  }
  return prompts;
}

// What the engine's rounding costs on a text, against what LibTorch's costs.
void check_quality(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  Prompts texts = held_out(context, oracle);
  RunOptions options = context.run_options(static_cast<int>(texts.size()));
  options.all_logits = true;
  Llama llama(Checkpoint(context.model->folder), options);

  ScoredText scored;
  scored.dtype = context.dtype;
  scored.longest_sum = oracle.longest_sum();
  scored.roundings = stream_roundings(oracle.layers() - 1);
  std::vector<Answer> answers;
  for (std::vector<int>& ids : texts) {
    scored.next.insert(scored.next.end(), ids.begin() + 1, ids.end());
    ids.pop_back();  // the last is only predicted
    answers.push_back(oracle.logits(ids));
  }
  scored.answer = concatenate(answers);
  const Step step = llama.begin_step({texts, std::vector<int>(texts.size(), 0)});
  llama.forward(step, LogitRows::kAll);
  const std::vector<float> logits = llama.copy_logits(step.tokens);
  scored.logits.assign(logits.begin(), logits.end());

  const std::vector<Figure> figures = judge_quality(scored);
  const std::vector<SpoilCount> spoils = spoil_quality(scored);
  bool right = true;
  std::string line = fmt::format("{} positions:", scored.next.size());
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const Verdict& verdict = figures[i].verdict;
    line += fmt::format(" {} {:.3g} (LibTorch {:.3g}, at most {:.3g})", figures[i].op,
                        verdict.found, verdict.same_dtype_rms_error, verdict.tolerance);
    right &=
        context.record("generation", figures[i].op, "quality." + figures[i].op, verdict, spoils[i]);
  }
  note(line);
  testing::Test::RecordProperty("quality", line);
  if (right) return;
  Script script;
  script.dtype = context.dtype;
  script.kernels = context.kernel_set;
  script.max_batch = static_cast<int>(texts.size());
  script.steps.push_back({texts, std::vector<int>(texts.size(), 0)});
  context.explain(script, oracle);
}

}  // namespace

void register_generation_tests(const Options& options, Report& report) {
  const std::vector<DType> all = {DType::kF32, DType::kF16, DType::kBF16};
  const std::vector<std::string> sets = {"best", "baseline"};
  register_model_tests("generation", "golden", options, report, {DType::kF32}, sets, check_golden);
  register_model_tests("generation", "reference", options, report, all, sets, check_reference);
  register_model_tests("generation", "quality", options, report, all, sets, check_quality);
  register_invariance_tests(options, report);
  register_model_tests("generation", "sampling", options, report, {DType::kF32, DType::kBF16},
                       {"best"}, check_sampling);
}

}  // namespace assay::suites
