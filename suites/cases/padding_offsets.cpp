// Padding offsets: ragged batches with empty sequences, more sequences than a warp has lanes.
#include "kernels/padding_offsets/padding_offsets.h"

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
  int lengths = STAGGERED;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 4, 5, 9},         {ShapeSet::kSmoke, 1, 1, 0},
    {ShapeSet::kCi, 70, 3, 40},          {ShapeSet::kSweep, 32, 1, 256, EVEN},
    {ShapeSet::kSweep, 8, 512, 0, EVEN},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, t_max, past, lengths] = shape;
  const Ragged r = ragged(batch, t_max, past, lengths);
  CaseBuilder<PaddingOffsetsArgs> c(padding_offsets_op(), dtype, set);
  c.dimension("batch", batch).dimension("t_max", t_max).dimension("past", past);
  c.dimension("lengths", lengths);
  c.column("batch", batch).column("q_len", t_max);
  const auto q_lens = c.input("q_lens", {batch}, values(r.q_lens));
  const auto past_lens = c.input("past_lens", {batch}, values(r.past_lens));
  const auto cu_q_lens = c.output("cu_q_lens", {batch + 1});
  const auto padding_offset = c.output("padding_offset", {r.tokens});
  const auto positions = c.output("positions", {r.tokens});

  c.exact().work(4.0 * (3.0 * batch + 1.0 + 2.0 * r.tokens), 0.0);
  c.reference([=](const Tensors& t) -> Tensors {
    const reference::PaddingOffsets o = reference::padding_offsets(t[q_lens], t[past_lens]);
    return {o.cu_q_lens, o.padding_offset, o.positions};
  });
  // The reference, told how many tokens there are: else LibTorch asks the GPU.
  c.peer([=, tokens = r.tokens](const Tensors& t) -> Tensors {
    const at::Tensor lens = t[q_lens].to(at::kLong);
    const at::Tensor ends = at::cumsum(lens, 0);
    const at::Tensor sequence = at::repeat_interleave(at::arange(batch, lens.options()), lens,
                                                      /*dim=*/0, /*output_size=*/tokens);
    const at::Tensor rows = at::arange(tokens, lens.options());
    const at::Tensor j = rows - (ends - lens).index_select(0, sequence);
    return {at::cat({at::zeros({1}, lens.options()), ends}).to(at::kInt),
            (sequence * t_max + j - rows).to(at::kInt),
            (t[past_lens].index_select(0, sequence) + j).to(at::kInt)};
  });
  const auto with_past = [=](const Tensors& t, const at::Tensor& lens) -> Tensors {
    const reference::PaddingOffsets o = reference::padding_offsets(t[q_lens], lens);
    return {o.cu_q_lens, o.padding_offset, o.positions};
  };
  c.spoil("sum_includes_its_own_length", [=](const Tensors& t) -> Tensors {
    const Tensors right = with_past(t, t[past_lens]);
    const at::Tensor ends = right[0].narrow(0, 1, batch);
    return {at::cat({ends, ends.narrow(0, batch - 1, 1)}), right[1], right[2]};
  });
  c.spoil("a_slot_too_few_per_sequence", [=](const Tensors& t) -> Tensors {
    const Tensors right = with_past(t, t[past_lens]);
    const at::Tensor slots = right[1] + at::arange(right[1].size(0), right[1].options());
    return {right[0], right[1] - slots.floor_divide(t_max), right[2]};
  });
  c.spoil("positions_from_one",
          [=](const Tensors& t) -> Tensors { return with_past(t, t[past_lens] + 1); });
  c.spoil("past_ignored",
          [=](const Tensors& t) -> Tensors { return with_past(t, at::zeros_like(t[past_lens])); });
  c.spoil("past_of_the_sequence_before",
          [=](const Tensors& t) -> Tensors { return with_past(t, t[past_lens].roll(1)); });
  return c.launch([=, tokens = r.tokens](const Pointers& p) {
    return PaddingOffsetsArgs{as_ints(p[cu_q_lens]),
                              as_ints(p[padding_offset]),
                              as_ints(p[positions]),
                              as_ints(p[q_lens]),
                              as_ints(p[past_lens]),
                              batch,
                              tokens,
                              t_max};
  });
}

}  // namespace

CaseFamily padding_offsets_family() {
  const std::vector<Field<Shape>> fields{
      field("batch", &Shape::batch, 1, 300), field("t_max", &Shape::t_max, 1, 600),
      field("past", &Shape::past, 0, 1000), field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "batch") return {{ShapeSet::kCi, value, 4, 7}};
    if (dimension == "t_max") return {{ShapeSet::kCi, 3, value, 7}};
    return {};
  };
  return family_from_table(padding_offsets_op(), SHAPES, {DType::kI32}, fields, make, at);
}

}  // namespace assay::suites
