// What an engine's rounding costs on text: KL divergence, top-1 agreement, perplexity, each against
// what LibTorch's own costs at the same dtype.
#pragma once

#include <string>
#include <vector>

#include "suites/check.h"
#include "suites/model_oracle.h"
#include "suites/model_spoils.h"

namespace assay::suites {

/// A text, fed as it is (teacher-forced), and what both sides make of it.
struct ScoredText {
  std::vector<int> next;       // (n) the token that followed at each position
  std::vector<double> logits;  // (n, V) of the engine
  Answer answer;               // (n, V) of the reference
  DType dtype = DType::kF32;
  int longest_sum = 1;  // as in judge()
  int roundings = 1;    // as in judge()
};

/// One figure: "kl_mean" and "kl_p999" in nats, "top1" as the share of positions that disagree,
/// "perplexity" as |engine / float64 - 1|. The verdict's max_abs_error is the engine's, its
/// same_dtype_rms_error LibTorch's, its tolerance the most that is allowed.
struct Figure {
  std::string op;
  Verdict verdict;
};

/// The three-way rule, put into each figure's terms. e(x) is an error of x against float64; floor
/// is the logits' as in compare_three_way.
///
/// KL(p || q) is half the variance under p of the logits' errors, to second order (Taylor), so
/// d = sqrt(2 KL) is an error in units of logits and d <= 2 d(LibTorch) + f is the rule, that is
/// KL <= (2 d(LibTorch) + f)^2 / 2. Independent errors s_i of the logits have the variance
/// sum p_i (1 - p_i) s_i^2; f is its root, s_i the floor times the logit, or times the row's root
/// mean square where that is more. The mean is over positions; the 99.9 % quantile is the largest
/// of fewer than 1000.
///
/// top1: positions may disagree only where the reference's two best are nearer than 2 bounds of a
/// logit's error, 2 e(LibTorch) + floor. Its tolerance is the share of such positions.
///
/// perplexity: the mean error m of the log-probabilities stays within 2 |m(LibTorch)| +
/// 3 (2 r + g) / sqrt(n). A mean of n errors of either sign stays within three of its standard
/// deviations: r is the root mean square of LibTorch's n errors, g that of independent errors s_i,
/// (1 - p_next)^2 s_next^2 + sum of the others' p_i^2 s_i^2. The first term is for what is common
/// to all of them.
std::vector<Figure> judge_quality(const ScoredText& text);

/// Shows judge_quality() wrong logits: zeros, a NaN, those of the neighbouring position; per
/// figure, in its order. Those of a neighbour may by chance give the same perplexity, and are not
/// shown to that.
std::vector<SpoilCount> spoil_quality(const ScoredText& text);

}  // namespace assay::suites
