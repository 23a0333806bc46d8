// The rules of sampling as data: what the cases draw by, and what goes wrong when one is left out.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "kernels/sampling/sampling.h"
#include "reference/sampling.h"
#include "suites/case.h"

namespace assay::suites {

struct SamplingProblem {
  std::vector<SamplingParams> params;              // (B)
  std::vector<std::vector<std::int64_t>> history;  // (B, up to history_stride)
};

inline reference::SamplingParams for_reference(const SamplingParams& p) {
  return {p.temperature, p.top_k, p.top_p, p.min_p, p.repetition_penalty, p.seed};
}

/// The token of one row, and how clear the decision was.
inline reference::Sampled sample_row(const std::vector<double>& row, const SamplingParams& params,
                                     const std::vector<std::int64_t>& history) {
  const at::Tensor tensor =
      at::tensor(row, at::kDouble).view({1, static_cast<std::int64_t>(row.size())});
  return reference::sample(tensor, {for_reference(params)}, {history})[0];
}

/// A rule left out or taken for another.
struct BentRule {
  const char* name;
  void (*bend)(SamplingParams&);
};
inline constexpr BentRule BENT_RULES[] = {
    {"penalty_not_applied", [](SamplingParams& p) { p.repetition_penalty = 1.0f; }},
    {"temperature_ignored", [](SamplingParams& p) { p.temperature = p.temperature > 0.0f; }},
    {"always_greedy", [](SamplingParams& p) { p.temperature = 0.0f; }},
    {"top_k_ignored", [](SamplingParams& p) { p.top_k = 0; }},
    {"top_p_ignored", [](SamplingParams& p) { p.top_p = 1.0f; }},
    {"min_p_ignored", [](SamplingParams& p) { p.min_p = 0.0f; }},
};

/// Whether each of the row's rules decides: left out, another token would be picked.
inline bool every_rule_tells(const std::vector<double>& row, const SamplingParams& params,
                             const std::vector<std::int64_t>& history, std::int64_t token) {
  for (const BentRule& rule : BENT_RULES) {
    SamplingParams bent = params;
    rule.bend(bent);
    const bool same_penalty = bent.repetition_penalty == params.repetition_penalty;
    const bool same = same_penalty && bent.temperature == params.temperature &&
                      bent.top_k == params.top_k && bent.top_p == params.top_p &&
                      bent.min_p == params.min_p;
    if (same || (params.temperature == 0.0f && same_penalty)) continue;  // greedy: no other rule
    if (sample_row(row, bent, history).token == token) return false;
  }
  return true;
}

/// Each rule left out, the draws confused, the runner-up picked.
inline void spoil_sampling(CaseBuilder<SamplingArgs>& c, const SamplingProblem& given,
                           OperandId logits) {
  const auto sampled_by = [=](const at::Tensor& rows, const SamplingProblem& bent) -> Tensors {
    std::vector<reference::SamplingParams> rules;
    for (const SamplingParams& p : bent.params) rules.push_back(for_reference(p));
    std::vector<double> picked;
    for (const auto& sampled : reference::sample(rows, rules, bent.history)) {
      picked.push_back(static_cast<double>(sampled.token));
    }
    return {at::tensor(picked, at::kDouble)};
  };
  const auto spoil = [&](const std::string& name, const SamplingProblem& bent) {
    c.spoil(name, [=](const Tensors& t) -> Tensors { return sampled_by(t[logits], bent); });
  };
  for (const BentRule& rule : BENT_RULES) {
    SamplingProblem bent = given;
    for (SamplingParams& p : bent.params) rule.bend(p);
    spoil(rule.name, bent);
  }
  SamplingProblem one_seed = given;
  for (SamplingParams& p : one_seed.params) p.seed = given.params[0].seed;
  spoil("one_seed_for_all", one_seed);
  SamplingProblem next_token = given;
  for (auto& tokens : next_token.history) {
    if (!tokens.empty()) tokens.push_back(tokens.back());  // no new token to penalize
  }
  spoil("draw_of_the_next_token", next_token);
  c.spoil("second_best", [=](const Tensors& t) -> Tensors {
    const at::Tensor best = sampled_by(t[logits], given)[0].to(at::kLong).to(t[logits].device());
    return sampled_by(t[logits].scatter(1, best.unsqueeze(1), -1e30), given);
  });
}

}  // namespace assay::suites
