// Residual addition: counts around a block, and those of real activations.
#include "kernels/residual_add/residual_add.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int count;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 384},        {ShapeSet::kSmoke, 33},          {ShapeSet::kCi, 1},
    {ShapeSet::kCi, 5 * 4096},      {ShapeSet::kSweep, 4096},        {ShapeSet::kSweep, 32 * 4096},
    {ShapeSet::kSweep, 512 * 4096}, {ShapeSet::kSweep, 2048 * 4096},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, count] = shape;
  CaseBuilder<ResidualAddArgs> c(residual_add_op(), dtype, set);
  c.dimension("count", count).column("n", count);
  const auto x = c.input("x", {count}, normal());
  const auto residual = c.input("residual", {count}, normal());
  const auto y = c.output("y", {count});

  c.work(3.0 * count * static_cast<double>(size_of(dtype)), count);
  c.three_way(2);
  c.reference(
      [=](const Tensors& t) -> Tensors { return {reference::residual_add(t[x], t[residual])}; });
  c.spoil("residual_doubled",
          [=](const Tensors& t) -> Tensors { return {t[x] + 2 * t[residual]}; });
  c.spoil("residual_taken_off", [=](const Tensors& t) -> Tensors { return {t[x] - t[residual]}; });
  c.spoil("residual_of_the_element_before",
          [=](const Tensors& t) -> Tensors { return {t[x] + t[residual].roll(1)}; });
  return c.launch([=](const Pointers& p) {
    return ResidualAddArgs{p[y], p[x], p[residual], count, dtype};
  });
}

}  // namespace

CaseFamily residual_add_family() {
  const std::vector<Field<Shape>> fields{field("count", &Shape::count, 1, 300000)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "count") return {{ShapeSet::kCi, value}};
    return {};
  };
  return family_from_table(residual_add_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
