// KV broadcast: one group, some, and none shared; sequences shorter than S; slots beyond it.
#include "kernels/kv_broadcast/kv_broadcast.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/ragged.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int batch;
  int heads;
  int kv_heads;
  int s;
  int s_max;
  int head_dim;
  int lengths = STAGGERED;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 3, 4, 2, 9, 12, 16},
    {ShapeSet::kSmoke, 2, 3, 3, 4, 4, 5},
    {ShapeSet::kCi, 1, 1, 1, 1, 1, 1},
    {ShapeSet::kCi, 2, 8, 1, 33, 40, 64},
    {ShapeSet::kCi, 2, 8, 2, 17, 64, 128},
    {ShapeSet::kSweep, 1, 32, 32, 256, 256, 128, EVEN},
    {ShapeSet::kSweep, 32, 32, 32, 256, 256, 128, EVEN},
    {ShapeSet::kSweep, 1, 64, 8, 2048, 2048, 128, EVEN},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, heads, kv_heads, s, s_max, head_dim, lengths] = shape;
  const Ragged r = ragged(batch, s, 0, lengths);  // its lengths: 0 to s
  CaseBuilder<KvBroadcastArgs> c(kv_broadcast_op(), dtype, set);
  c.dimension("batch", batch).dimension("heads", heads).dimension("kv_heads", kv_heads);
  c.dimension("s", s).dimension("s_max", s_max).dimension("head_dim", head_dim);
  c.dimension("lengths", lengths);
  c.column("batch", batch).column("kv_len", s).column("heads", heads);
  c.column("kv_heads", kv_heads).column("head_dim", head_dim);
  const auto cache = c.input("cache", {batch, kv_heads, s_max, head_dim}, normal());
  const auto kv_lens = c.typed_input("kv_lens", DType::kI32, {batch}, values(r.kv_lens));
  const auto y = c.output("y", {batch, heads, s, head_dim});

  const double read = static_cast<double>(r.tokens) * kv_heads * head_dim;
  const double written = static_cast<double>(batch) * heads * s * head_dim;
  c.exact().work((read + written) * static_cast<double>(size_of(dtype)) + 4.0 * batch, 0.0);
  c.reference([=](const Tensors& t) -> Tensors {
    return {reference::kv_broadcast(t[cache], t[kv_lens], heads, s)};
  });
  c.peer([=](const Tensors& t) -> Tensors {
    const at::Tensor used =
        at::arange(s, t[kv_lens].options()).unsqueeze(0) < t[kv_lens].unsqueeze(1);  // (B,S)
    const at::Tensor groups = t[cache].narrow(2, 0, s).unsqueeze(2).expand(
        {batch, kv_heads, heads / kv_heads, s, head_dim});
    return {
        at::where(used.view({batch, 1, 1, s, 1}), groups, 0).reshape({batch, heads, s, head_dim})};
  });
  c.spoil("groups_taken_in_turn", [=](const Tensors& t) -> Tensors {  // h % G for h / (H / G)
    return {reference::kv_broadcast(t[cache], t[kv_lens], kv_heads, s)
                .repeat({1, heads / kv_heads, 1, 1})};
  });
  c.spoil("next_group", [=](const Tensors& t) -> Tensors {
    return {reference::kv_broadcast(t[cache].roll(-1, 1), t[kv_lens], heads, s)};
  });
  c.spoil("one_slot_too_few", [=](const Tensors& t) -> Tensors {
    return {reference::kv_broadcast(t[cache], t[kv_lens] - 1, heads, s)};
  });
  c.spoil("unused_slots_kept", [=](const Tensors& t) -> Tensors {
    return {reference::kv_broadcast(t[cache], at::full_like(t[kv_lens], s), heads, s)};
  });
  c.spoil("one_slot_late", [=](const Tensors& t) -> Tensors {
    return {reference::kv_broadcast(t[cache].roll(1, 2), t[kv_lens], heads, s)};
  });
  if (batch > 1) {
    c.independent_rows({cache, kv_lens, y}, [=] {
      return make({set, 1, heads, kv_heads, s, s_max, head_dim, lengths}, dtype);
    });
  }
  return c.launch([=](const Pointers& p) {
    return KvBroadcastArgs{
        p[y], p[cache], as_ints(p[kv_lens]), batch, heads, kv_heads, s, s_max, head_dim, dtype};
  });
}

}  // namespace

CaseFamily kv_broadcast_family() {
  const std::vector<Field<Shape>> fields{field("batch", &Shape::batch, 1, 16),
                                         field("heads", &Shape::heads, 1, 64).times("kv_heads"),
                                         field("kv_heads", &Shape::kv_heads, 1, 64),
                                         field("s", &Shape::s, 1, 300),
                                         field("s_max", &Shape::s_max, 1, 400).from("s"),
                                         field("head_dim", &Shape::head_dim, 1, 1024),
                                         field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "head_dim") return {{ShapeSet::kCi, 2, 4, 2, 3, 4, value}};
    return {};
  };
  return family_from_table(kv_broadcast_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
