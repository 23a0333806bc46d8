// RoPE: grouped and plain heads, widths on both sides of every version's limits, late positions.
//
// LibTorch's own angles are fp32 for fp32 and half types, so its error grows with the position as a
// kernel's does, and the tolerance with it.
#include "kernels/rope/rope.h"

#include <ATen/ATen.h>

#include <cmath>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int tokens;
  int heads;
  int kv_heads;
  int head_dim;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 3, 4, 2, 64},
    {ShapeSet::kSmoke, 2, 3, 1, 6},  // 16-byte vectors do not fit
    {ShapeSet::kCi, 1, 1, 1, 2},
    {ShapeSet::kCi, 5, 32, 32, 128},  // 7B
    {ShapeSet::kCi, 4, 64, 8, 128},   // 70B
    {ShapeSet::kCi, 3, 5, 5, 80},
    {ShapeSet::kCi, 1, 1, 1, 1026},
    {ShapeSet::kSweep, 1, 32, 32, 128},
    {ShapeSet::kSweep, 8, 32, 32, 128},
    {ShapeSet::kSweep, 32, 32, 32, 128},
    {ShapeSet::kSweep, 512, 32, 32, 128},
    {ShapeSet::kSweep, 2048, 32, 32, 128},
};

constexpr int LAST_POSITION = 4095;

std::vector<double> inverse_frequencies(int head_dim) {
  std::vector<double> inv_freq;
  for (int i = 0; i < head_dim / 2; ++i) {
    inv_freq.push_back(std::pow(10000.0, -2.0 * i / head_dim));
  }
  return inv_freq;
}

Case make(const Shape& shape, DType dtype) {
  const auto [set, tokens, heads, kv_heads, head_dim] = shape;
  CaseBuilder<RopeArgs> c(rope_op(), dtype, set);
  c.dimension("tokens", tokens).dimension("heads", heads).dimension("kv_heads", kv_heads);
  c.dimension("head_dim", head_dim);
  c.column("m", tokens).column("heads", heads).column("kv_heads", kv_heads);
  c.column("head_dim", head_dim);
  const auto qkv = c.in_out("qkv", {tokens, (heads + 2 * kv_heads) * head_dim}, normal());
  const auto positions =
      c.typed_input("positions", DType::kI32, {tokens}, integers(0, LAST_POSITION));
  const auto inv_freq =
      c.typed_input("inv_freq", DType::kF32, {head_dim / 2}, values(inverse_frequencies(head_dim)));

  const double rotated = static_cast<double>(tokens) * (heads + kv_heads) * head_dim;
  c.work(2.0 * rotated * static_cast<double>(size_of(dtype)) + 4.0 * tokens + 2.0 * head_dim,
         3.0 * rotated);
  c.three_way(2);
  c.reference([=](const Tensors& t) -> Tensors {
    return {reference::rope(t[qkv], t[positions], t[inv_freq], heads, kv_heads, head_dim)};
  });
  // In place, with the two halves of cosines and sines at hand: a program has them for all layers.
  c.prepared_peer([=](const Tensors& t) -> std::function<Tensors()> {
    const bool exact = t[qkv].scalar_type() == at::kDouble;
    const at::ScalarType wide = exact ? at::kDouble : at::kFloat;
    const at::Tensor angle =
        (t[positions].to(wide).unsqueeze(1) * t[inv_freq].to(wide)).unsqueeze(1);
    const at::Tensor cos = at::cat({angle.cos(), angle.cos()}, 2).to(t[qkv].scalar_type());
    const at::Tensor sin = at::cat({-angle.sin(), angle.sin()}, 2).to(t[qkv].scalar_type());
    return [=, rows = t[qkv]]() -> Tensors {
      const std::int64_t turned_heads = std::int64_t{heads} + kv_heads;
      at::Tensor x = rows.narrow(1, 0, turned_heads * head_dim)
                         .unflatten(1, {turned_heads, std::int64_t{head_dim}});
      at::addcmul_out(x, x * cos, x.roll(head_dim / 2, 2), sin);
      return {rows};
    };
  });
  // An angle in fp32 is off by up to 2^-13 at the last position, in LibTorch as in a kernel: the
  // tolerance is twice that, of a pair that is up to sqrt(2) times as long as its elements.
  if (dtype == DType::kF32) c.noticeable(0x1p-11);
  const auto turned = [=](const Tensors& t, const at::Tensor& by, const at::Tensor& frequencies) {
    return reference::rope(t[qkv], by, frequencies, heads, kv_heads, head_dim);
  };
  c.spoil("neighbours_paired", [=](const Tensors& t) -> Tensors {
    const at::Tensor halves = t[qkv].view({tokens, -1, head_dim / 2, 2}).transpose(2, 3);
    return {reference::rope(halves.flatten(1), t[positions], t[inv_freq], heads, kv_heads, head_dim)
                .view({tokens, -1, 2, head_dim / 2})
                .transpose(2, 3)};
  });
  c.spoil("positions_from_one",
          [=](const Tensors& t) -> Tensors { return {turned(t, t[positions] + 1, t[inv_freq])}; });
  c.spoil("row_for_position", [=](const Tensors& t) -> Tensors {
    return {turned(t, at::arange(tokens, t[positions].options()), t[inv_freq])};
  });
  c.spoil("turned_backwards",
          [=](const Tensors& t) -> Tensors { return {turned(t, -t[positions], t[inv_freq])}; });
  c.spoil("frequency_of_the_next_pair", [=](const Tensors& t) -> Tensors {
    return {turned(t, t[positions], t[inv_freq].roll(-1))};
  });
  c.spoil("keys_not_turned", [=](const Tensors& t) -> Tensors {
    const std::int64_t queries = std::int64_t{heads} * head_dim;
    return {at::cat({turned(t, t[positions], t[inv_freq]).narrow(1, 0, queries),
                     t[qkv].narrow(1, queries, std::int64_t{2} * kv_heads * head_dim)},
                    1)};
  });
  c.spoil("values_turned", [=](const Tensors& t) -> Tensors {
    return {reference::rope(t[qkv], t[positions], t[inv_freq], heads + 2 * kv_heads, 0, head_dim)};
  });
  if (tokens > 1) {
    c.independent_rows({qkv, positions}, [=] {
      return make({set, 1, heads, kv_heads, head_dim}, dtype);
    });
  }
  return c.launch([=](const Pointers& p) {
    return RopeArgs{p[qkv],
                    as_ints(p[positions]),
                    static_cast<const float*>(p[inv_freq]),
                    tokens,
                    heads,
                    kv_heads,
                    head_dim,
                    dtype};
  });
}

}  // namespace

CaseFamily rope_family() {
  const std::vector<Field<Shape>> fields{
      field("tokens", &Shape::tokens, 1, 64),
      field("heads", &Shape::heads, 1, 80).times("kv_heads"),
      field("kv_heads", &Shape::kv_heads, 1, 80),
      field("head_dim", &Shape::head_dim, 2, 2048).in_steps_of(2)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "heads") return {{ShapeSet::kCi, 1, value, 1, 32}};
    if (dimension == "head_dim") return {{ShapeSet::kCi, 2, 2, 1, value}};
    return {};
  };
  return family_from_table(rope_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
