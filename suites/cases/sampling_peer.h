// Sampling as programs on LibTorch do it, for a whole batch at once (vLLM's sampler is the model):
// the rules, their numbers and the draw of each row are at hand as tensors.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "suites/cases/sampling_rules.h"

namespace assay::suites {

inline Peer sampling_peer(const SamplingProblem& given, OperandId logits) {
  return [=](const Tensors& t) -> std::function<Tensors()> {
    const bool exact = t[logits].scalar_type() == at::kDouble;
    const auto wide = t[logits].options().dtype(exact ? at::kDouble : at::kFloat);
    const std::int64_t vocab = t[logits].size(1);
    // (B,1), a number of each row's rules
    const auto column = [&](auto number) {
      std::vector<double> numbers;
      for (std::size_t b = 0; b < given.params.size(); ++b) numbers.push_back(number(b));
      return at::tensor(numbers, at::kDouble).to(wide).unsqueeze(1);
    };
    const auto rules = [&](std::size_t b) -> const SamplingParams& { return given.params[b]; };
    const auto is_greedy = [&](std::size_t b) { return rules(b).temperature == 0.0f; };
    bool all_greedy = true;
    std::size_t longest = 1;
    for (std::size_t b = 0; b < given.params.size(); ++b) {
      all_greedy = all_greedy && is_greedy(b);
      longest = std::max(longest, given.history[b].size());
    }
    const at::Tensor penalty =
        column([&](std::size_t b) { return static_cast<double>(rules(b).repetition_penalty); });
    const at::Tensor greedy = column([&](std::size_t b) { return is_greedy(b) ? 1.0 : 0.0; }) == 1;
    const at::Tensor temperature = column([&](std::size_t b) {
      return is_greedy(b) ? 1.0 : static_cast<double>(rules(b).temperature);
    });
    const at::Tensor last_of_top_k =
        column([&](std::size_t b) {
          const std::int64_t k = rules(b).top_k;
          return static_cast<double>(k == 0 || k >= vocab ? vocab - 1 : k - 1);
        }).to(at::kLong);
    const at::Tensor top_p = column([&](std::size_t b) {
      return rules(b).top_p >= 1.0f ? 2.0 : static_cast<double>(rules(b).top_p);
    });
    const at::Tensor min_p =
        column([&](std::size_t b) { return static_cast<double>(rules(b).min_p); });
    const at::Tensor draw = column([&](std::size_t b) {
      return reference::philox_uniform(rules(b).seed,
                                       static_cast<std::uint32_t>(given.history[b].size()));
    });
    // (B, longest): a short history repeats its first token, which changes nothing
    std::vector<double> tokens;
    bool any_history = false;
    for (const auto& history : given.history) {
      any_history = any_history || !history.empty();
      for (std::size_t i = 0; i < longest; ++i) {
        tokens.push_back(
            history.empty() ? 0.0 : static_cast<double>(history[i < history.size() ? i : 0]));
      }
    }
    const at::Tensor history = at::tensor(tokens, at::kDouble)
                                   .to(t[logits].device(), at::kLong)
                                   .view({-1, static_cast<std::int64_t>(longest)});
    constexpr double LEAST = -std::numeric_limits<double>::infinity();

    return [=, rows = t[logits], type = wide.dtype()]() -> Tensors {
      at::Tensor x = rows.to(type);
      if (any_history) {
        const at::Tensor seen = x.gather(1, history);
        x = x.scatter(1, history, at::where(seen > 0, seen / penalty, seen * penalty));
      }
      const at::Tensor best = x.argmax(1);
      if (all_greedy) return {best};
      x = x / temperature;
      auto [sorted, order] = x.sort(1, /*descending=*/true);
      sorted = sorted.masked_fill(sorted < sorted.gather(1, last_of_top_k), LEAST);
      const at::Tensor share = at::softmax(sorted, 1);
      const at::Tensor last_of_top_p =
          (share.cumsum(1) - share < top_p).sum(1, /*keepdim=*/true) - 1;
      sorted = sorted.masked_fill(sorted < sorted.gather(1, last_of_top_p), LEAST);
      at::Tensor weight = (sorted - sorted.narrow(1, 0, 1)).exp();
      weight = weight.masked_fill(weight < min_p, 0);
      const at::Tensor reached = at::zeros_like(weight).scatter(1, order, weight).cumsum(1);
      const at::Tensor target = draw * reached.narrow(1, vocab - 1, 1);
      const at::Tensor drawn = (reached <= target).sum(1).clamp_max(vocab - 1);
      return {at::where(greedy.squeeze(1), best, drawn)};
    };
  };
}

}  // namespace assay::suites
