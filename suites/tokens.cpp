#include "suites/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::suites {
namespace {

// One step of the reference.
struct Row {
  const double* exact;  // (V)
  std::size_t vocab;
  double bound;  // of one logit's error
  std::size_t best;
  std::size_t second;

  double margin() const { return exact[best] - exact[second]; }
};

Row row_of(const TokenSteps& steps, std::size_t i) {
  Row row{};
  row.vocab = static_cast<std::size_t>(steps.answer.shape.at(1));
  row.exact = &steps.answer.exact.at(i * row.vocab);
  const double* same = &steps.answer.same_dtype.at(i * row.vocab);
  double error = 0.0;
  double size = 0.0;
  for (std::size_t t = 0; t < row.vocab; ++t) {
    error = std::max(error, std::abs(same[t] - row.exact[t]));
    size = std::max(size, std::abs(row.exact[t]));
  }
  row.bound = 2.0 * error + steps.relative_floor * size;
  row.best =
      static_cast<std::size_t>(std::max_element(row.exact, row.exact + row.vocab) - row.exact);
  row.second = row.best == 0 ? 1 : 0;
  for (std::size_t t = 0; t < row.vocab; ++t) {
    if (t != row.best && row.exact[t] > row.exact[row.second]) row.second = t;
  }
  return row;
}

}  // namespace

std::string TokenComparison::describe() const {
  std::string text =
      fmt::format("{} tokens compared, {} near ties, {} different", compared, near_ties, different);
  if (first_difference >= 0) text += fmt::format(" (the first at step {})", first_difference);
  return text;
}

TokenComparison& TokenComparison::operator+=(const TokenComparison& other) {
  compared += other.compared;
  near_ties += other.near_ties;
  different += other.different;
  if (other.first_difference >= 0 &&
      (first_difference < 0 || other.first_difference < first_difference)) {
    first_difference = other.first_difference;
  }
  if (problem.empty()) problem = other.problem;
  return *this;
}

TokenComparison compare_tokens(const TokenSteps& steps) {
  TokenComparison result;
  for (std::size_t i = 0; i < steps.picked.size(); ++i) {
    const Row row = row_of(steps, i);
    ++result.compared;
    if (row.margin() <= 2.0 * row.bound) ++result.near_ties;
    const int picked = steps.picked[i];
    const int expected = steps.expected.at(i);
    if (picked == expected) continue;
    ++result.different;
    if (result.first_difference < 0) result.first_difference = static_cast<int>(i);
    if (picked < 0 || static_cast<std::size_t>(picked) >= row.vocab) {
      if (result.problem.empty()) {
        result.problem = fmt::format("step {}: picked {}, which is no token", i, picked);
      }
      continue;
    }
    const auto error_of = [&](int token) {
      const auto t = static_cast<std::size_t>(token);
      return std::abs(static_cast<double>(steps.logits[i].at(t)) - row.exact[t]);
    };
    const double margin = row.exact[expected] - row.exact[picked];
    const double measured = error_of(picked) + error_of(expected);
    // Written so that NaN excuses nothing, nor does an overflow of LibTorch's.
    const bool explained = margin <= measured;
    const bool rounding = std::isfinite(row.bound) && margin <= 2.0 * row.bound;
    if ((!explained || !rounding) && result.problem.empty()) {
      result.problem = fmt::format(
          "step {}: picked {}, the reference {}, by a margin of {:.3g}; {} (the engine's error of "
          "these two logits is {:.3g}, rounding may cause {:.3g})",
          i, picked, expected, margin,
          explained ? "no rounding explains that" : "the engine's own logits do not say so",
          measured, 2.0 * row.bound);
    }
  }
  return result;
}

SpoilCount spoil_tokens(const TokenSteps& steps) {
  SpoilCount counts;
  std::size_t clearest = 0;
  double largest = -1.0;
  for (std::size_t i = 0; i < steps.picked.size(); ++i) {
    const Row row = row_of(steps, i);
    if (row.margin() > 2.0 * row.bound && row.margin() > largest) {
      largest = row.margin();
      clearest = i;
    }
  }
  if (largest < 0.0) return counts;  // nothing but ties: no token could be refused
  TokenSteps wrong = steps;
  wrong.picked[clearest] = static_cast<int>(row_of(steps, clearest).second);
  counts.count("the runner-up at a clear step", !compare_tokens(wrong).problem.empty());

  // The step before's token at a step of which it is clearly not the best.
  for (std::size_t i = 1; i < steps.picked.size(); ++i) {
    const Row row = row_of(steps, i);
    const int late = steps.picked[i - 1];
    if (row.exact[steps.expected[i]] - row.exact[late] <= 2.0 * row.bound) continue;
    wrong = steps;
    std::rotate(wrong.picked.begin(), wrong.picked.end() - 1, wrong.picked.end());
    counts.count("every token one step late", !compare_tokens(wrong).problem.empty());
    break;
  }
  return counts;
}

}  // namespace assay::suites
