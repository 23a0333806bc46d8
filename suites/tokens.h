// Greedy tokens of an engine beside those of the reference, with the margin in mind.
#pragma once

#include <string>
#include <vector>

#include "suites/model_oracle.h"
#include "suites/model_spoils.h"

namespace assay::suites {

/// The steps of one generation. `expected` is what the reference picks given the same tokens
/// before: one side has been fed the other's tokens.
struct TokenSteps {
  std::vector<int> picked;                 // by the engine
  std::vector<int> expected;               // by the reference
  std::vector<std::vector<float>> logits;  // of the engine, (V) per step
  Answer answer;                           // the reference's logits (steps, V)
  double relative_floor = 0.0;             // of a logit's error, as in the three-way comparison
};

struct TokenComparison {
  int compared = 0;
  int near_ties = 0;          // steps whose two best are nearer than errors allowed there
  int different = 0;          // steps where the tokens are not the same
  int first_difference = -1;  // the step; -1: none
  std::string problem;        // the first different token that no error excuses, or ""

  /// "36 tokens compared, 1 near tie, 1 different (the first at step 7)"
  std::string describe() const;
  TokenComparison& operator+=(const TokenComparison& other);
};

/// A different token is excused where the reference's margin between the two tokens is no larger
/// than the engine's measured error of these two logits, and that error no larger than the
/// three-way bound: twice, for two logits, 2 * LibTorch's error + floor at this step.
TokenComparison compare_tokens(const TokenSteps& steps);

/// Shows compare_tokens() wrong streams: the runner-up at the clearest step, and every token one
/// step late.
SpoilCount spoil_tokens(const TokenSteps& steps);

}  // namespace assay::suites
