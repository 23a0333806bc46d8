#include "reference/sampling.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace assay::reference {
namespace {

constexpr double INFINITE = std::numeric_limits<double>::infinity();

double relative_distance(double a, double b) {
  return std::abs(a - b) / std::max({std::abs(a), std::abs(b), 1e-300});
}

// One row's way from logits to a token; margin_ shrinks with every comparison that was close.
class Row {
 public:
  Row(std::vector<double> logits, const SamplingParams& params,
      const std::vector<std::int64_t>& history)
      : logits_(std::move(logits)), params_(params), history_(history) {}

  Sampled choose() {
    penalize();
    if (params_.temperature == 0.0f) return {argmax(), margin_};
    for (double& logit : logits_) logit /= static_cast<double>(params_.temperature);
    keep_top_k();
    keep_top_p();
    keep_min_p();
    return {draw(), margin_};
  }

 private:
  void penalize() {
    const auto penalty = static_cast<double>(params_.repetition_penalty);
    for (const std::int64_t token : std::set<std::int64_t>(history_.begin(), history_.end())) {
      double& logit = logits_.at(token);
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
  }

  std::int64_t argmax() {
    const auto best = std::max_element(logits_.begin(), logits_.end());  // the first of equals
    close_to_next_below(*best);
    return best - logits_.begin();
  }

  // Everything >= threshold is kept: how near is the best of the rest?
  void close_to_next_below(double threshold) {
    for (const double logit : logits_) {
      if (logit < threshold) margin_ = std::min(margin_, relative_distance(logit, threshold));
    }
  }

  void keep_from(double threshold) {
    close_to_next_below(threshold);
    for (double& logit : logits_) {
      if (logit < threshold) logit = -INFINITE;
    }
  }

  void keep_top_k() {
    const auto k = static_cast<std::size_t>(params_.top_k);
    if (k == 0 || k >= logits_.size()) return;
    keep_from(descending()[k - 1]);
  }

  void keep_top_p() {
    const auto top_p = static_cast<double>(params_.top_p);
    if (top_p >= 1.0) return;
    const std::vector<double> sorted = descending();
    double total = 0.0;
    for (const double logit : sorted) total += std::exp(logit - sorted[0]);
    double reached = 0.0;
    for (const double logit : sorted) {
      reached += std::exp(logit - sorted[0]) / total;
      margin_ = std::min(margin_, relative_distance(reached, top_p));
      if (reached >= top_p) return keep_from(logit);
    }
  }

  void keep_min_p() {
    const auto min_p = static_cast<double>(params_.min_p);
    if (min_p <= 0.0) return;
    const double best = *std::max_element(logits_.begin(), logits_.end());
    for (double& logit : logits_) {
      if (logit == best) continue;
      const double share = std::exp(logit - best);
      margin_ = std::min(margin_, relative_distance(share, min_p));
      if (share < min_p) logit = -INFINITE;
    }
  }

  std::int64_t draw() {
    const double best = *std::max_element(logits_.begin(), logits_.end());
    double total = 0.0;
    for (const double logit : logits_) total += std::exp(logit - best);
    const double target =
        philox_uniform(params_.seed, static_cast<std::uint32_t>(history_.size())) * total;
    double reached = 0.0;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < logits_.size(); ++i) {
      if (logits_[i] == -INFINITE) continue;
      reached += std::exp(logits_[i] - best);
      last = static_cast<std::int64_t>(i);
      // Rounding of a sum grows with the sum of all its terms, not with this part of it.
      margin_ = std::min(margin_, std::abs(reached - target) / total);
      if (reached > target) break;
    }
    return last;
  }

  std::vector<double> descending() const {
    std::vector<double> sorted = logits_;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    return sorted;
  }

  std::vector<double> logits_;
  const SamplingParams& params_;
  const std::vector<std::int64_t>& history_;
  double margin_ = INFINITE;
};

}  // namespace

std::vector<Sampled> sample(const at::Tensor& logits, const std::vector<SamplingParams>& params,
                            const std::vector<std::vector<std::int64_t>>& history) {
  const at::Tensor rows = logits.to(at::kCPU, at::kDouble).contiguous();
  const auto batch = static_cast<std::size_t>(rows.size(0));
  TORCH_CHECK(params.size() == batch && history.size() == batch, "sample: ", batch, " rows, ",
              params.size(), " params, ", history.size(), " histories");
  std::vector<Sampled> sampled;
  for (std::size_t b = 0; b < batch; ++b) {
    const double* row = rows.const_data_ptr<double>() + static_cast<std::int64_t>(b) * rows.size(1);
    sampled.push_back(Row({row, row + rows.size(1)}, params[b], history[b]).choose());
  }
  return sampled;
}

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

double philox_uniform(std::uint64_t seed, std::uint32_t index) {
  const auto words = philox4x32(
      {index, 0, 0, 0}, {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return static_cast<double>(words[0] >> 8) * 0x1p-24;
}

}  // namespace assay::reference
