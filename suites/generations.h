// What the tests of generations share: running an engine over prompts, and holding what it said
// against the reference.
#pragma once

#include <string>
#include <vector>

#include "suites/model_checks.h"
#include "suites/model_test.h"
#include "suites/tokens.h"

namespace assay::suites {

using Prompts = std::vector<std::vector<int>>;

/// What an engine said: per sequence, its tokens and the logits (V) that each was picked from.
struct Run {
  Prompts tokens;
  std::vector<std::vector<std::vector<float>>> logits;
};
void append(Run& run, const std::vector<int>& next, const std::vector<float>& logits);

/// Prefills, then decodes until each sequence has `count` tokens. With `forced` (B lists of count
/// tokens) the engine is fed those in the place of its own picks.
Run generate_with(Llama& llama, const Prompts& prompts, int count, const Prompts* forced = nullptr);

/// The same for one prompt, whose tokens after the first come one by one, as in decode.
Run step_through(Llama& llama, const std::vector<int>& prompt, int count,
                 const std::vector<int>* forced = nullptr);

/// How many tokens fit after the longest prompt, at most `wanted`.
int tokens_that_fit(const Prompts& prompts, int context, int wanted);

/// The reference's logits (count, V) for each token of `continuation`, given prompt and those
/// before. `prefill`: as in ModelOracle::logits.
Answer answer_for(const ModelOracle& oracle, const std::vector<int>& prompt,
                  const std::vector<int>& continuation, int prefill);

/// Judges each sequence's logits against `answers`, rows "<op>.logits[b]"; false where one failed.
bool record_logits(const ModelTestContext& context, const ModelOracle& oracle,
                   const std::string& op, const Run& run, const std::vector<Answer>& answers);

/// Compares the tokens picked with `expected`, row "<op>.tokens"; the counts go to the output.
bool record_tokens(const ModelTestContext& context, const ModelOracle& oracle,
                   const std::string& op, const Run& run, const Prompts& expected,
                   const std::vector<Answer>& answers);

/// The reference's greedy choice at every step of an answer.
std::vector<int> greedy_of(const Answer& answer);

/// Bitwise equality of two runs: "" or the first difference.
std::string find_difference(const Run& a, const Run& b);
/// Records find_difference(a, b), and that it sees a single bit, a NaN, swapped sequences and a
/// missing step.
bool record_same(const ModelTestContext& context, const std::string& op, const std::string& what,
                 const Run& a, const Run& b);

/// The script of a generation that fed `fed` after each prompt.
Script script_of(const ModelTestContext& context, const Prompts& prompts, const Prompts& fed,
                 int chunk = 512);

/// A line of the test's output.
void note(const std::string& text);

/// Invariances: the same work done another way. Part of the suite "generation".
void register_invariance_tests(const Options& options, Report& report);

}  // namespace assay::suites
