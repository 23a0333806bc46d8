// What a program on LibTorch does for the two halves of attention, where it needs both of them: the
// fused scaled_dot_product_attention gives no scores. Its masks are at hand, as all layers share
// them, and it leaves them out where they hide nothing.
#pragma once

#include <ATen/ATen.h>

#include <limits>

#include "suites/case.h"

namespace assay::suites {

/// As reference::attention_scores.
inline Peer scores_peer(OperandId q, OperandId k, OperandId mask, double scale) {
  return [=](const Tensors& t) -> std::function<Tensors()> {
    const at::Tensor hidden = (t[mask] == 0).unsqueeze(1);  // (B,1,T_max,S)
    const at::Tensor blind = hidden.all(-1, /*keepdim=*/true);
    const bool any_hidden = hidden.any().item<bool>();
    const bool any_blind = blind.any().item<bool>();
    const at::Tensor zero = at::zeros({1, 1, 1}, t[q].options());
    return [=, queries = t[q], keys = t[k].narrow(2, 0, t[mask].size(2))]() -> Tensors {
      const std::int64_t batch = queries.size(0);
      const std::int64_t tokens = queries.size(1);
      const std::int64_t heads = queries.size(2);
      const at::Tensor rows = queries.transpose(1, 2).reshape({batch * heads, tokens, -1});
      const at::Tensor columns = keys.flatten(0, 1).transpose(1, 2);  // (B*H,D,S)
      at::Tensor scores =
          at::baddbmm(zero, rows, columns, /*beta=*/0, scale).view({batch, heads, tokens, -1});
      if (any_hidden) scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
      const at::Tensor p = at::softmax(scores, -1);
      return {any_blind ? p.masked_fill(blind, 0) : p};
    };
  };
}

/// As reference::attention_values.
inline Peer values_peer(OperandId p, OperandId v, OperandId kv_lens) {
  return [=](const Tensors& t) -> std::function<Tensors()> {
    const std::int64_t s = t[p].size(3);
    const at::Tensor unused =
        at::arange(s, t[kv_lens].options()).unsqueeze(0) >= t[kv_lens].unsqueeze(1);  // (B,S)
    const bool any_unused = unused.any().item<bool>();
    return [=, weights = t[p], values = t[v].narrow(2, 0, s)]() -> Tensors {
      if (!any_unused) return {at::matmul(weights, values).transpose(1, 2).contiguous()};
      return {at::matmul(weights.masked_fill(unused.view({-1, 1, 1, s}), 0),
                         values.masked_fill(unused.view({-1, 1, s, 1}), 0))
                  .transpose(1, 2)
                  .contiguous()};
    };
  };
}

}  // namespace assay::suites
