// Padding removal: every dtype, integers and masks too, as whole rows move.
#include "kernels/padding_remove/padding_remove.h"

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
  int lengths = STAGGERED;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 4, 5, 33},
    {ShapeSet::kCi, 1, 1, 1},
    {ShapeSet::kCi, 7, 9, 128},
    {ShapeSet::kSweep, 8, 512, 4096},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, t_max, width, lengths] = shape;
  const Ragged r = ragged(batch, t_max, 0, lengths);
  CaseBuilder<PaddingRemoveArgs> c(padding_remove_op(), dtype, set);
  c.dimension("batch", batch).dimension("t_max", t_max).dimension("width", width);
  c.dimension("lengths", lengths);
  c.column("batch", batch).column("q_len", t_max).column("n", width);
  const auto x = c.input("x", {batch, t_max, width}, integers(0, 127));
  const auto offset =
      c.typed_input("padding_offset", DType::kI32, {r.tokens}, values(r.padding_offset));
  const auto y = c.output("y", {r.tokens, width});

  c.exact().work(r.tokens * (2.0 * width * static_cast<double>(size_of(dtype)) + 4.0), 0.0);
  c.reference(
      [=](const Tensors& t) -> Tensors { return {reference::padding_remove(t[x], t[offset])}; });
  c.peer([=](const Tensors& t) -> Tensors {
    const at::Tensor slots = at::arange(t[offset].size(0), t[offset].options()) + t[offset];
    return {t[x].flatten(0, 1).index_select(0, slots)};
  });
  c.spoil("padding_kept", [=](const Tensors& t) -> Tensors {
    return {reference::padding_remove(t[x], at::zeros_like(t[offset]))};
  });
  c.spoil("offset_of_the_row_before", [=](const Tensors& t) -> Tensors {
    return {reference::padding_remove(t[x], t[offset].roll(1))};
  });
  c.spoil("one_row_late", [=](const Tensors& t) -> Tensors {
    return {reference::padding_remove(t[x].flatten(0, 1).roll(1, 0).view_as(t[x]), t[offset])};
  });
  return c.launch([=, tokens = r.tokens](const Pointers& p) {
    return PaddingRemoveArgs{p[y], p[x], as_ints(p[offset]), tokens, width, dtype};
  });
}

}  // namespace

CaseFamily padding_remove_family() {
  const std::vector<Field<Shape>> fields{field("batch", &Shape::batch, 1, 16),
                                         field("t_max", &Shape::t_max, 1, 64),
                                         field("width", &Shape::width, 1, 4096),
                                         field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "width") return {{ShapeSet::kCi, 2, 3, value}};
    return {};
  };
  return family_from_table(padding_remove_op(), SHAPES,
                           {DType::kF32, DType::kF16, DType::kBF16, DType::kI32, DType::kU8},
                           fields, make, at);
}

}  // namespace assay::suites
