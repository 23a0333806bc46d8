// The causal mask: with and without a past, padding rows, fewer slots than a query could see.
#include "kernels/causal_mask/causal_mask.h"

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
  int s;
  int lengths = STAGGERED;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 4, 5, 9, 14},
    {ShapeSet::kSmoke, 1, 7, 0, 7},
    {ShapeSet::kCi, 1, 1, 0, 1},
    {ShapeSet::kCi, 5, 17, 100, 300},
    {ShapeSet::kCi, 3, 4, 30, 8},
    {ShapeSet::kSweep, 32, 1, 255, 256, EVEN},
    {ShapeSet::kSweep, 1, 2048, 0, 2048, EVEN},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, t_max, past, s, lengths] = shape;
  const Ragged r = ragged(batch, t_max, past, lengths);
  CaseBuilder<CausalMaskArgs> c(causal_mask_op(), dtype, set);
  c.dimension("batch", batch).dimension("t_max", t_max).dimension("past", past).dimension("s", s);
  c.dimension("lengths", lengths);
  c.column("batch", batch).column("q_len", t_max).column("kv_len", s);
  const auto q_lens = c.typed_input("q_lens", DType::kI32, {batch}, values(r.q_lens));
  const auto past_lens = c.typed_input("past_lens", DType::kI32, {batch}, values(r.past_lens));
  const auto mask = c.output("mask", {batch, t_max, s});

  c.exact().work(static_cast<double>(batch) * t_max * s + 8.0 * batch, 0.0);
  c.reference([=](const Tensors& t) -> Tensors {
    return {reference::causal_mask(t[q_lens], t[past_lens], t_max, s)};
  });
  c.spoil("sees_the_next_slot", [=](const Tensors& t) -> Tensors {
    return {reference::causal_mask(t[q_lens], t[past_lens] + 1, t_max, s)};
  });
  c.spoil("misses_its_own_slot", [=](const Tensors& t) -> Tensors {
    return {reference::causal_mask(t[q_lens], t[past_lens] - 1, t_max, s)};
  });
  c.spoil("past_ignored", [=](const Tensors& t) -> Tensors {
    return {reference::causal_mask(t[q_lens], at::zeros_like(t[past_lens]), t_max, s)};
  });
  c.spoil("padding_rows_see", [=](const Tensors& t) -> Tensors {
    return {reference::causal_mask(at::full_like(t[q_lens], t_max), t[past_lens], t_max, s)};
  });
  if (batch > 1) {
    c.independent_rows({q_lens, past_lens, mask}, [=] {
      return make({set, 1, t_max, past, s, lengths}, dtype);
    });
  }
  return c.launch([=](const Pointers& p) {
    return CausalMaskArgs{static_cast<unsigned char*>(p[mask]),
                          as_ints(p[q_lens]),
                          as_ints(p[past_lens]),
                          batch,
                          t_max,
                          s};
  });
}

}  // namespace

CaseFamily causal_mask_family() {
  const std::vector<Field<Shape>> fields{
      field("batch", &Shape::batch, 1, 16), field("t_max", &Shape::t_max, 1, 64),
      field("past", &Shape::past, 0, 600), field("s", &Shape::s, 1, 1200),
      field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "s") return {{ShapeSet::kCi, 2, 3, 250, value}};
    return {};
  };
  return family_from_table(causal_mask_op(), SHAPES, {DType::kU8}, fields, make, at);
}

}  // namespace assay::suites
