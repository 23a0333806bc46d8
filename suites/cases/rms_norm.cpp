// RMSNorm: rows from one to a prefill's worth, widths on both sides of every version's limits.
#include "kernels/rms_norm/rms_norm.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int rows;
  int width;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 3, 128},   // 16-byte rows in every dtype
    {ShapeSet::kSmoke, 2, 33},    // odd width: scalar versions only
    {ShapeSet::kCi, 1, 1},        //
    {ShapeSet::kCi, 5, 4096},     // 7B
    {ShapeSet::kCi, 17, 5120},    // 13B
    {ShapeSet::kCi, 1, 8192},     // 70B
    {ShapeSet::kSweep, 1, 4096},  // decode
    {ShapeSet::kSweep, 32, 4096},   {ShapeSet::kSweep, 512, 4096},
    {ShapeSet::kSweep, 2048, 4096}, {ShapeSet::kSweep, 8192, 4096},  // PERFORMANCE's row
};

constexpr float EPS = 1e-5f;

// Normal around a mean that is not zero; the first of several rows so small that eps decides its
// scale. It would hide an order of additions that depends on the row, which no first row shows.
Fill activations() {
  return [](HostTensor& t, Random& random) {
    const auto rows = static_cast<std::size_t>(t.shape[0]);
    const std::size_t width = t.count() / rows;
    draw_elements(t, random, 1, [=](std::size_t i, Random& r) {
      const bool small = rows > 1 && i < width;
      return (small ? 0x1p-10 : 1.0) * (0.5 + r.normal());
    });
  };
}

Case make(const Shape& shape, DType dtype) {
  const auto [set, rows, width] = shape;
  CaseBuilder<RmsNormArgs> c(rms_norm_op(), dtype, set);
  c.dimension("rows", rows).dimension("width", width).column("m", rows).column("n", width);
  const auto x = c.input("x", {rows, width}, activations());
  const auto weight = c.input("weight", {width}, normal(1.0, 0.2));
  const auto y = c.output("y", {rows, width});

  const double element = static_cast<double>(size_of(dtype));
  const double elements = static_cast<double>(rows) * width;
  c.work((2.0 * elements + width) * element, 4.0 * elements);
  c.three_way(width);
  c.reference(
      [=](const Tensors& t) -> Tensors { return {reference::rms_norm(t[x], t[weight], EPS)}; });
  c.peer([=, width = width](const Tensors& t) -> Tensors {
    return {at::rms_norm(t[x], {width}, t[weight], EPS)};
  });
  c.spoil("without_eps",
          [=](const Tensors& t) -> Tensors { return {reference::rms_norm(t[x], t[weight], 0.0)}; });
  c.spoil("eps_beside_the_root", [=](const Tensors& t) -> Tensors {
    return {t[x] / (t[x].square().mean(-1, true).sqrt() + EPS) * t[weight]};
  });
  c.spoil("sum_for_mean", [=](const Tensors& t) -> Tensors {
    return {t[x] * at::rsqrt(t[x].square().sum(-1, true) + EPS) * t[weight]};
  });
  c.spoil("mean_taken_off", [=](const Tensors& t) -> Tensors {
    return {reference::rms_norm(t[x] - t[x].mean(-1, true), t[weight], EPS)};
  });
  c.spoil("without_weight", [=](const Tensors& t) -> Tensors {
    return {reference::rms_norm(t[x], at::ones_like(t[weight]), EPS)};
  });
  if (rows > 1) {
    c.independent_rows({x, y}, [=] { return make({set, 1, width}, dtype); });
  }
  return c.launch([rows = rows, width = width, x, weight, y, dtype](const Pointers& p) {
    return RmsNormArgs{p[y], p[x], p[weight], rows, width, EPS, dtype};
  });
}

}  // namespace

CaseFamily rms_norm_family() {
  const std::vector<Field<Shape>> fields{field("rows", &Shape::rows, 1, 64),
                                         field("width", &Shape::width, 1, 20000)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "width") return {{ShapeSet::kCi, 2, value}};
    return {};
  };
  return family_from_table(rms_norm_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
