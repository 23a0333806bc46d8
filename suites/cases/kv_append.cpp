// KV-cache append: ragged batches into caches full of other values, which must stay.
#include "kernels/kv_append/kv_append.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/ragged.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int batch;
  int t_max;
  int past;
  int heads;
  int kv_heads;
  int head_dim;
  int spare = 3;  // slots in the cache past the last one in use
  int lengths = STAGGERED;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 4, 5, 9, 4, 2, 16},
    {ShapeSet::kSmoke, 2, 1, 3, 3, 1, 5},
    {ShapeSet::kCi, 1, 1, 0, 1, 1, 1},
    {ShapeSet::kCi, 3, 7, 20, 8, 8, 64},
    {ShapeSet::kCi, 5, 1, 30, 8, 2, 128},
    {ShapeSet::kSweep, 1, 1, 255, 32, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 8, 1, 255, 32, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 32, 1, 255, 32, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 1, 512, 0, 32, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 1, 2048, 0, 32, 32, 128, 0, EVEN},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, t_max, past, heads, kv_heads, head_dim, spare, lengths] = shape;
  const Ragged r = ragged(batch, t_max, past, lengths);
  const int s_max = past + t_max + spare;
  CaseBuilder<KvAppendArgs> c(kv_append_op(), dtype, set);
  c.dimension("batch", batch).dimension("t_max", t_max).dimension("past", past);
  c.dimension("spare", spare);
  c.dimension("heads", heads).dimension("kv_heads", kv_heads).dimension("head_dim", head_dim);
  c.dimension("lengths", lengths);
  c.column("batch", batch).column("q_len", t_max).column("kv_len", r.kv_max());
  c.column("heads", heads).column("kv_heads", kv_heads).column("head_dim", head_dim);
  c.phase(t_max == 1 ? "decode" : "prefill");
  const auto k_cache = c.in_out("k_cache", {batch, kv_heads, s_max, head_dim}, normal());
  const auto v_cache = c.in_out("v_cache", {batch, kv_heads, s_max, head_dim}, normal());
  const auto qkv = c.input("qkv", {r.tokens, (heads + 2 * kv_heads) * head_dim}, normal());
  const auto positions = c.typed_input("positions", DType::kI32, {r.tokens}, values(r.positions));
  const auto offset =
      c.typed_input("padding_offset", DType::kI32, {r.tokens}, values(r.padding_offset));

  const double kv = static_cast<double>(r.tokens) * kv_heads * head_dim;
  c.exact().work(4.0 * kv * static_cast<double>(size_of(dtype)) + 8.0 * r.tokens, 0.0);
  c.reference([=](const Tensors& t) -> Tensors {
    const reference::KvCache cache = reference::kv_append(
        t[k_cache], t[v_cache], t[qkv], t[positions], t[offset], t_max, heads, kv_heads);
    return {cache.k, cache.v};
  });
  // Into the caches themselves; the sequence of each token is at hand.
  c.prepared_peer([=, tokens = r.tokens](const Tensors& t) -> std::function<Tensors()> {
    const at::Tensor slots = at::arange(tokens, t[offset].options().dtype(at::kLong)) + t[offset];
    const at::Tensor sequence = slots.floor_divide(t_max);
    return [=, to_k = t[k_cache], to_v = t[v_cache], rows = t[qkv],
            slot = t[positions].to(at::kLong)]() -> Tensors {
      const auto put = [&](const at::Tensor& cache, std::int64_t first_head) {
        at::Tensor by_token = cache.transpose(1, 2);  // (B,S_max,G,D)
        by_token.index_put_({sequence, slot},
                            rows.narrow(1, first_head * head_dim, std::int64_t{kv_heads} * head_dim)
                                .view({tokens, kv_heads, head_dim}));
      };
      put(to_k, heads);
      put(to_v, std::int64_t{heads} + kv_heads);
      return {to_k, to_v};
    };
  });
  const auto appended = [=](const Tensors& t, const at::Tensor& rows, const at::Tensor& slots,
                            const at::Tensor& padding) -> Tensors {
    const reference::KvCache cache =
        reference::kv_append(t[k_cache], t[v_cache], rows, slots, padding, t_max, heads, kv_heads);
    return {cache.k, cache.v};
  };
  const std::int64_t queries = std::int64_t{heads} * head_dim;
  const std::int64_t keys = std::int64_t{kv_heads} * head_dim;
  c.spoil("one_slot_late", [=](const Tensors& t) -> Tensors {
    return appended(t, t[qkv], at::remainder(t[positions] + 1, s_max), t[offset]);
  });
  c.spoil("one_slot_early", [=](const Tensors& t) -> Tensors {
    return appended(t, t[qkv], at::remainder(t[positions] - 1, s_max), t[offset]);
  });
  c.spoil("padding_ignored", [=](const Tensors& t) -> Tensors {
    return appended(t, t[qkv], t[positions], at::zeros_like(t[offset]));
  });
  c.spoil("keys_and_values_swapped", [=](const Tensors& t) -> Tensors {
    const Tensors parts = t[qkv].split_with_sizes({queries, keys, keys}, 1);
    return appended(t, at::cat({parts[0], parts[2], parts[1]}, 1), t[positions], t[offset]);
  });
  c.spoil("queries_for_keys", [=](const Tensors& t) -> Tensors {
    const Tensors parts = t[qkv].split_with_sizes({queries, keys, keys}, 1);
    return appended(t, at::cat({parts[0], parts[0].narrow(1, 0, keys), parts[2]}, 1), t[positions],
                    t[offset]);
  });
  c.spoil("head_of_the_next_group", [=](const Tensors& t) -> Tensors {
    const Tensors right = appended(t, t[qkv], t[positions], t[offset]);
    return {right[0].roll(-1, 1), right[1].roll(-1, 1)};
  });
  return c.launch([=, tokens = r.tokens](const Pointers& p) {
    return KvAppendArgs{p[k_cache],         p[v_cache], p[qkv],   as_ints(p[positions]),
                        as_ints(p[offset]), tokens,     t_max,    heads,
                        kv_heads,           s_max,      head_dim, dtype};
  });
}

}  // namespace

CaseFamily kv_append_family() {
  const std::vector<Field<Shape>> fields{field("batch", &Shape::batch, 1, 16),
                                         field("t_max", &Shape::t_max, 1, 64),
                                         field("past", &Shape::past, 0, 200),
                                         field("spare", &Shape::spare, 0, 64),
                                         field("heads", &Shape::heads, 1, 64).times("kv_heads"),
                                         field("kv_heads", &Shape::kv_heads, 1, 64),
                                         field("head_dim", &Shape::head_dim, 1, 1024),
                                         field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "head_dim") return {{ShapeSet::kCi, 2, 2, 3, 2, 1, value}};
    return {};
  };
  return family_from_table(kv_append_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
