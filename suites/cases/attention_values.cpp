// Attention output: prefill and decode of ragged batches; NaN in every slot past a sequence's end.
#include "kernels/attention_values/attention_values.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/attention.h"
#include "suites/cases/attention_peers.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

// Rows of probabilities: positive where the query sees the slot, adding up to about 1, else zero.
Fill probabilities(const Ragged& r, int heads, int s) {
  return [r, heads, s](HostTensor& t, Random& random) {
    const auto slots = static_cast<std::size_t>(s);
    const auto t_max = static_cast<std::size_t>(r.t_max);
    const auto rows_of_one = static_cast<std::size_t>(heads) * t_max;
    draw_elements(t, random, 1, [&](std::size_t i, Random& own) {
      const std::size_t row = i / slots;
      const int seen = slots_seen(r, row / rows_of_one, static_cast<int>(row % t_max));
      const double drawn = 2.0 * own.uniform();
      return static_cast<int>(i % slots) < seen ? drawn / seen : 0.0;
    });
  };
}

Case make(const AttentionShape& shape, DType dtype) {
  const auto [set, batch, t_max, s, heads, head_dim, spare, lengths] = shape;
  const Ragged r = ragged(batch, t_max, s - t_max, lengths);
  const int capacity = s + spare;
  CaseBuilder<AttentionValuesArgs> c(attention_values_op(), dtype, set);
  describe_attention(c, shape);
  const auto p = c.input("p", {batch, heads, t_max, s}, probabilities(r, heads, s));
  const auto v = c.input("v", {batch, heads, capacity, head_dim}, cache_of(r));
  const auto kv_lens = c.typed_input("kv_lens", DType::kI32, {batch}, values(r.kv_lens));
  const auto o = c.output("o", {batch, t_max, heads, head_dim});

  const double output = static_cast<double>(batch) * t_max * head_dim;
  const double per_head = output + tokens_cached(r) * head_dim + pairs_seen(r);
  c.work(per_head * heads * static_cast<double>(size_of(dtype)) + 4.0 * batch,
         pairs_seen(r) * heads * 2.0 * head_dim);
  c.three_way(s);
  c.reference([=](const Tensors& t) -> Tensors {
    return {reference::attention_values(t[p], t[v], t[kv_lens])};
  });
  c.prepared_peer(values_peer(p, v, kv_lens));
  c.spoil("one_slot_too_few", [=](const Tensors& t) -> Tensors {
    return {reference::attention_values(t[p], t[v], t[kv_lens] - 1)};
  });
  c.spoil("unused_slots_read", [=](const Tensors& t) -> Tensors {
    return {reference::attention_values(t[p], t[v], at::full_like(t[kv_lens], s))};
  });
  c.spoil("one_slot_late", [=](const Tensors& t) -> Tensors {
    return {reference::attention_values(t[p], t[v].nan_to_num().roll(1, 2), t[kv_lens])};
  });
  c.spoil("values_of_the_next_head", [=](const Tensors& t) -> Tensors {
    return {reference::attention_values(t[p], t[v].roll(-1, 1), t[kv_lens])};
  });
  c.spoil("heads_before_tokens", [=](const Tensors& t) -> Tensors {
    return {reference::attention_values(t[p], t[v], t[kv_lens]).transpose(1, 2)};
  });
  if (batch > 1) {
    c.independent_rows({p, v, kv_lens, o}, [=] {
      return make({set, 1, t_max, s, heads, head_dim, spare, lengths}, dtype);
    });
  }
  return c.launch([=](const Pointers& at) {
    return AttentionValuesArgs{at[o],    at[p],
                               at[v],    as_ints(at[kv_lens]),
                               batch,    t_max,
                               heads,    s,
                               head_dim, static_cast<long long>(capacity) * head_dim,
                               dtype};
  });
}

}  // namespace

CaseFamily attention_values_family() {
  return family_from_table(attention_values_op(), ATTENTION_SHAPES, FLOAT_DTYPES,
                           attention_fields(), make, attention_boundary);
}

}  // namespace assay::suites
