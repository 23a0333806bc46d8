// Padding restoration: every dtype, whole rows and the first columns of wider ones.
#include "kernels/padding_restore/padding_restore.h"

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
  int width;
  int x_stride;
  int lengths = STAGGERED;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 4, 5, 33, 33},
    {ShapeSet::kSmoke, 3, 4, 64, 80},
    {ShapeSet::kCi, 1, 1, 1, 3},
    {ShapeSet::kCi, 7, 9, 128, 384},
    {ShapeSet::kSweep, 8, 512, 4096, 12288},  // the queries of the merged QKV product
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, t_max, width, x_stride, lengths] = shape;
  const Ragged r = ragged(batch, t_max, 0, lengths);
  CaseBuilder<PaddingRestoreArgs> c(padding_restore_op(), dtype, set);
  c.dimension("batch", batch).dimension("t_max", t_max).dimension("width", width);
  c.dimension("x_stride", x_stride).dimension("lengths", lengths);
  c.column("batch", batch).column("q_len", t_max).column("n", width);
  const auto x = c.input("x", {r.tokens, x_stride}, integers(1, 127));
  const auto cu_q_lens = c.typed_input("cu_q_lens", DType::kI32, {batch + 1}, values(r.cu_q_lens));
  const auto y = c.output("y", {batch, t_max, width});

  const double rows = r.tokens + static_cast<double>(batch) * t_max;
  c.exact().work(rows * width * static_cast<double>(size_of(dtype)) + 4.0 * (batch + 1), 0.0);
  c.reference([=, offsets = r.padding_offset](const Tensors& t) -> Tensors {
    const at::Tensor offset = at::tensor(offsets, at::kDouble).to(t[x].device()).to(at::kInt);
    return {reference::padding_restore(t[x], offset, batch, t_max, width)};
  });
  c.peer([=, tokens = r.tokens](const Tensors& t) -> Tensors {
    const at::Tensor row = at::arange(tokens, t[cu_q_lens].options());
    const at::Tensor sequence =
        at::searchsorted(t[cu_q_lens], row, /*out_int32=*/false, /*right=*/true) - 1;
    const at::Tensor slots = sequence * t_max + row - t[cu_q_lens].index_select(0, sequence);
    return {at::zeros({std::int64_t{batch} * t_max, width}, t[x].options())
                .index_copy_(0, slots, t[x].narrow(1, 0, width))
                .view({batch, t_max, width})};
  });
  const auto restored = [=, offsets = r.padding_offset](const at::Tensor& packed) {
    const at::Tensor offset = at::tensor(offsets, at::kDouble).to(packed.device()).to(at::kInt);
    return reference::padding_restore(packed, offset, batch, t_max, width);
  };
  c.spoil("padding_at_the_end", [=, tokens = r.tokens](const Tensors& t) -> Tensors {
    const at::Tensor none = at::zeros({tokens}, t[cu_q_lens].options());
    return {reference::padding_restore(t[x], none, batch, t_max, width)};
  });
  c.spoil("padding_not_cleared", [=](const Tensors& t) -> Tensors {
    return {restored(t[x]) + 1 - restored(at::ones_like(t[x]))};
  });
  c.spoil("stride_is_width", [=, tokens = r.tokens](const Tensors& t) -> Tensors {
    return {restored(t[x].flatten().narrow(0, 0, tokens * width).view({tokens, width}))};
  });
  c.spoil("one_row_late", [=](const Tensors& t) -> Tensors { return {restored(t[x].roll(1, 0))}; });
  return c.launch([=](const Pointers& p) {
    return PaddingRestoreArgs{p[y],     p[x], as_ints(p[cu_q_lens]), batch, t_max, width,
                              x_stride, dtype};
  });
}

}  // namespace

CaseFamily padding_restore_family() {
  const std::vector<Field<Shape>> fields{field("batch", &Shape::batch, 1, 16),
                                         field("t_max", &Shape::t_max, 1, 64),
                                         field("width", &Shape::width, 1, 4096),
                                         field("x_stride", &Shape::x_stride, 1, 8192).from("width"),
                                         field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "width") return {{ShapeSet::kCi, 2, 3, value, value + 5}};
    return {};
  };
  return family_from_table(padding_restore_op(), SHAPES,
                           {DType::kF32, DType::kF16, DType::kBF16, DType::kI32, DType::kU8},
                           fields, make, at);
}

}  // namespace assay::suites
