// Attention scores: prefill and decode of ragged batches, with rows that see nothing and NaN in
// every slot that no query may see.
#include "kernels/attention_scores/attention_scores.h"

#include <ATen/ATen.h>

#include <cmath>

#include "reference/ops.h"
#include "suites/cases/attention.h"
#include "suites/cases/attention_peers.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

// Queries (B, T_max, H, D). Those of the last head of several are long, so that exp(score) would
// overflow in fp32, and lie along one axis, so that no order of additions makes a difference.
Fill queries(int heads) {
  return [heads](HostTensor& t, Random& random) {
    const std::size_t width = static_cast<std::size_t>(t.shape[3]);
    const double length = 100.0 * std::sqrt(static_cast<double>(width));
    for (std::size_t i = 0; i < t.count(); ++i) {
      const std::size_t head = i / width % static_cast<std::size_t>(heads);
      if (heads == 1 || head + 1 < static_cast<std::size_t>(heads)) {
        t.set(i, random.normal());
      } else {
        t.set(i, i % width == 0 ? length : 0.0);
      }
    }
  };
}

Case make(const AttentionShape& shape, DType dtype) {
  const auto [set, batch, t_max, s, heads, head_dim, spare, lengths] = shape;
  const Ragged r = ragged(batch, t_max, s - t_max, lengths);
  const int capacity = s + spare;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  CaseBuilder<AttentionScoresArgs> c(attention_scores_op(), dtype, set);
  describe_attention(c, shape);
  const auto q = c.input("q", {batch, t_max, heads, head_dim}, queries(heads));
  const auto k = c.input("k", {batch, heads, capacity, head_dim}, cache_of(r));
  const auto mask = c.typed_input("mask", DType::kU8, {batch, t_max, s}, causal(r, s));
  const auto p = c.output("p", {batch, heads, t_max, s});

  const double per_head = static_cast<double>(r.tokens + tokens_cached(r)) * head_dim +
                          static_cast<double>(batch) * t_max * s;
  c.work(per_head * heads * static_cast<double>(size_of(dtype)) +
             static_cast<double>(batch) * t_max * s,
         pairs_seen(r) * heads * (2.0 * head_dim + 4.0));
  c.three_way(head_dim + s);
  c.reference([=](const Tensors& t) -> Tensors {
    // LibTorch's own attention takes half types through fp32. Scores rounded to a half type would
    // cost more than softmax can show: at 16 they are off by 1 %, and so would be the tolerance.
    const at::ScalarType wide = t[q].scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    return {reference::attention_scores(t[q].to(wide), t[k].to(wide), t[mask],
                                        static_cast<double>(scale))
                .to(t[q].scalar_type())};
  });
  c.prepared_peer(scores_peer(q, k, mask, static_cast<double>(scale)));
  const auto scored = [=](const Tensors& t, const at::Tensor& seen, double by) {
    return reference::attention_scores(t[q], t[k].nan_to_num(), seen, by);
  };
  const double right_scale = static_cast<double>(scale);
  c.spoil("without_scale", [=](const Tensors& t) -> Tensors { return {scored(t, t[mask], 1.0)}; });
  c.spoil("scale_by_width", [=](const Tensors& t) -> Tensors {
    return {scored(t, t[mask], right_scale * right_scale)};
  });
  c.spoil("without_mask", [=](const Tensors& t) -> Tensors {
    return {scored(t, at::ones_like(t[mask]), right_scale)};
  });
  c.spoil("mask_one_slot_short", [=](const Tensors& t) -> Tensors {
    const at::Tensor none = at::zeros_like(t[mask].narrow(2, 0, 1));
    return {scored(t, at::cat({t[mask].narrow(2, 1, s - 1), none}, 2), right_scale)};
  });
  c.spoil("mask_one_slot_long", [=](const Tensors& t) -> Tensors {
    const at::Tensor first = t[mask].narrow(2, 0, 1);
    return {scored(t, at::cat({first, t[mask].narrow(2, 0, s - 1)}, 2), right_scale)};
  });
  c.spoil("not_normalised", [=](const Tensors& t) -> Tensors {
    const at::Tensor right = scored(t, t[mask], right_scale);
    return {right / right.amax(-1, true).clamp_min(1e-30)};
  });
  c.spoil("largest_not_taken_off", [=](const Tensors& t) -> Tensors {
    const at::Tensor keys = t[k].narrow(2, 0, s).nan_to_num().transpose(2, 3);
    const at::Tensor scores = at::matmul(t[q].transpose(1, 2), keys) * right_scale;
    const at::Tensor e = scores.to(at::kFloat).exp() * t[mask].unsqueeze(1);
    return {e / e.sum(-1, true).clamp_min(1e-30)};
  });
  c.spoil("keys_of_the_next_head", [=](const Tensors& t) -> Tensors {
    return {reference::attention_scores(t[q], t[k].roll(-1, 1), t[mask], right_scale)};
  });
  if (batch > 1) {
    c.independent_rows({q, k, mask, p}, [=] {
      return make({set, 1, t_max, s, heads, head_dim, spare, lengths}, dtype);
    });
  }
  return c.launch([=](const Pointers& at) {
    return AttentionScoresArgs{
        at[p], at[q], at[k],    static_cast<const unsigned char*>(at[mask]), batch, t_max,
        heads, s,     head_dim, static_cast<long long>(capacity) * head_dim, scale, dtype};
  });
}

}  // namespace

CaseFamily attention_scores_family() {
  return family_from_table(attention_scores_op(), ATTENTION_SHAPES, FLOAT_DTYPES,
                           attention_fields(), make, attention_boundary);
}

}  // namespace assay::suites
