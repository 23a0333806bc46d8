#include "suites/generations.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>

namespace assay::suites {
namespace {

HostTensor as_tensor(const std::vector<std::vector<float>>& rows, DType dtype) {
  const std::size_t width = rows.front().size();
  HostTensor tensor(dtype,
                    {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(width)});
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < width; ++i) {
      tensor.set(r * width + i, static_cast<double>(rows[r][i]));
    }
  }
  return tensor;
}

}  // namespace

void append(Run& run, const std::vector<int>& next, const std::vector<float>& logits) {
  const std::size_t vocab = logits.size() / next.size();
  run.tokens.resize(next.size());
  run.logits.resize(next.size());
  for (std::size_t b = 0; b < next.size(); ++b) {
    run.tokens[b].push_back(next[b]);
    run.logits[b].emplace_back(logits.begin() + static_cast<std::ptrdiff_t>(b * vocab),
                               logits.begin() + static_cast<std::ptrdiff_t>((b + 1) * vocab));
  }
}

Run generate_with(Llama& llama, const Prompts& prompts, int count, const Prompts* forced) {
  Run run;
  llama.keep_logits(true);
  std::vector<int> lengths(prompts.size(), 0);
  std::vector<int> next = llama.prefill(prompts, lengths);
  append(run, next, llama.logits());
  for (std::size_t b = 0; b < prompts.size(); ++b) lengths[b] = static_cast<int>(prompts[b].size());
  for (int i = 1; i < count; ++i) {
    for (std::size_t b = 0; forced != nullptr && b < prompts.size(); ++b) {
      next[b] = (*forced)[b].at(static_cast<std::size_t>(i - 1));
    }
    next = llama.decode(next, lengths);
    append(run, next, llama.logits());
    for (int& length : lengths) ++length;
  }
  return run;
}

Run step_through(Llama& llama, const std::vector<int>& prompt, int count,
                 const std::vector<int>* forced) {
  Run run;
  llama.keep_logits(true);
  std::vector<int> next = llama.prefill({{prompt[0]}}, {0});
  const std::size_t steps = prompt.size() + static_cast<std::size_t>(count) - 1;
  for (std::size_t i = 1; i <= steps; ++i) {
    if (i >= prompt.size()) append(run, next, llama.logits());
    if (i == steps) break;
    if (i < prompt.size()) {
      next = {prompt[i]};
    } else if (forced != nullptr) {
      next = {forced->at(i - prompt.size())};
    }
    next = llama.decode(next, {static_cast<int>(i)});
  }
  return run;
}

int tokens_that_fit(const Prompts& prompts, int context, int wanted) {
  std::size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
  return std::min(wanted, context - static_cast<int>(longest));
}

Answer answer_for(const ModelOracle& oracle, const std::vector<int>& prompt,
                  const std::vector<int>& continuation, int prefill) {
  std::vector<int> fed = prompt;
  fed.insert(fed.end(), continuation.begin(), continuation.end() - 1);
  Answer answer = oracle.logits(fed, prefill);
  const auto skipped =
      static_cast<std::ptrdiff_t>((prompt.size() - 1) * static_cast<std::size_t>(answer.shape[1]));
  answer.exact.erase(answer.exact.begin(), answer.exact.begin() + skipped);
  answer.same_dtype.erase(answer.same_dtype.begin(), answer.same_dtype.begin() + skipped);
  answer.shape[0] = static_cast<std::int64_t>(continuation.size());
  return answer;
}

bool record_logits(const ModelTestContext& context, const ModelOracle& oracle,
                   const std::string& op, const Run& run, const std::vector<Answer>& answers) {
  bool right = true;
  for (std::size_t b = 0; b < run.logits.size(); ++b) {
    const SpoilSubject subject{"logits", context.dtype, oracle.vocab(), oracle.longest_sum(),
                               stream_roundings(oracle.layers() - 1)};
    right &= context.record("generation", op, fmt::format("{}.logits[{}]", op, b),
                            judge("logits", as_tensor(run.logits[b], context.dtype), answers[b],
                                  subject.longest_sum, subject.roundings),
                            spoil(subject, answers[b]));
  }
  return right;
}

bool record_tokens(const ModelTestContext& context, const ModelOracle& oracle,
                   const std::string& op, const Run& run, const Prompts& expected,
                   const std::vector<Answer>& answers) {
  TokenComparison all;
  SpoilCount spoils;
  const double floor = relative_floor(context.dtype, oracle.longest_sum()) *
                       std::sqrt(static_cast<double>(stream_roundings(oracle.layers() - 1)));
  for (std::size_t b = 0; b < run.tokens.size(); ++b) {
    const TokenSteps steps{run.tokens[b], expected[b], run.logits[b], answers[b], floor};
    TokenComparison one = compare_tokens(steps);
    if (!one.problem.empty()) one.problem = fmt::format("sequence {}, {}", b, one.problem);
    all += one;
    spoils += spoil_tokens(steps);
  }
  if (all.compared > 0 && spoils.total == 0) {
    all.problem = "no step was clear enough to compare a token";
  }
  note(fmt::format("{}: {}", op, all.describe()));
  testing::Test::RecordProperty(op + "_tokens", all.describe());
  return context.record("generation", op, op + ".tokens", all.problem, spoils);
}

std::vector<int> greedy_of(const Answer& answer) {
  std::vector<int> tokens;
  const auto vocab = answer.shape.at(1);
  for (auto row = answer.exact.begin(); row != answer.exact.end(); row += vocab) {
    tokens.push_back(static_cast<int>(std::max_element(row, row + vocab) - row));
  }
  return tokens;
}

std::string find_difference(const Run& a, const Run& b) {
  if (a.tokens.size() != b.tokens.size()) return "the numbers of sequences differ";
  for (std::size_t s = 0; s < a.tokens.size(); ++s) {
    if (a.tokens[s].size() != b.tokens[s].size()) {
      return fmt::format("sequence {}: {} tokens and {}", s, a.tokens[s].size(),
                         b.tokens[s].size());
    }
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

bool record_same(const ModelTestContext& context, const std::string& op, const std::string& what,
                 const Run& a, const Run& b) {
  SpoilCount spoils;
  const auto show = [&](const std::string& name, const auto& change) {
    Run wrong = a;
    change(wrong);
    spoils.count(name, !find_difference(a, wrong).empty());
  };
  show("one bit of the last logit", [](Run& run) {
    float& logit = run.logits.back().back().back();
    logit = std::bit_cast<float>(std::bit_cast<std::uint32_t>(logit) ^ 1U);
  });
  show("a NaN",
       [](Run& run) { run.logits.back().back().back() = std::numeric_limits<float>::quiet_NaN(); });
  show("another token", [](Run& run) { ++run.tokens.back().back(); });
  show("a missing step", [](Run& run) { run.tokens.back().pop_back(); });
  show("a missing sequence", [](Run& run) { run.tokens.pop_back(); });
  return context.record("generation", op, what, find_difference(a, b), spoils);
}

Script script_of(const ModelTestContext& context, const Prompts& prompts, const Prompts& fed,
                 int chunk) {
  Script script;
  script.dtype = context.dtype;
  script.kernels = context.kernel_set;
  script.max_batch = static_cast<int>(prompts.size());
  script.rows = LogitRows::kLast;
  Prompts all = prompts;
  std::vector<int> lengths;
  for (std::size_t b = 0; b < prompts.size(); ++b) {
    lengths.push_back(static_cast<int>(prompts[b].size()));
    all[b].insert(all[b].end(), fed[b].begin(), fed[b].end() - 1);  // the last is never fed
  }
  script.steps = steps_of(all, lengths, chunk);
  return script;
}

void note(const std::string& text) { std::printf("[     NOTE ] %s\n", text.c_str()); }

}  // namespace assay::suites
