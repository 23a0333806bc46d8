// SwiGLU: gates large enough for both ends of the sigmoid, widths around every version's blocks.
#include "kernels/swiglu/swiglu.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int tokens;
  int width;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 3, 128},    {ShapeSet::kSmoke, 2, 33},      {ShapeSet::kCi, 1, 1},
    {ShapeSet::kCi, 3, 11008},     {ShapeSet::kSweep, 1, 11008},   {ShapeSet::kSweep, 8, 11008},
    {ShapeSet::kSweep, 32, 11008}, {ShapeSet::kSweep, 512, 11008}, {ShapeSet::kSweep, 2048, 11008},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, tokens, width] = shape;
  CaseBuilder<SwigluArgs> c(swiglu_op(), dtype, set);
  c.dimension("tokens", tokens).dimension("width", width).column("m", tokens).column("n", width);
  const auto gate_up = c.input("gate_up", {tokens, 2 * width}, normal(0.0, 4.0));
  const auto y = c.output("y", {tokens, width});

  const double elements = static_cast<double>(tokens) * width;
  c.work(3.0 * elements * static_cast<double>(size_of(dtype)), 5.0 * elements);
  c.three_way(1);
  c.reference([=](const Tensors& t) -> Tensors { return {reference::swiglu(t[gate_up])}; });
  if (tokens > 1) c.independent_rows({gate_up, y}, [=] { return make({set, 1, width}, dtype); });
  return c.launch([=](const Pointers& p) {
    return SwigluArgs{p[y], p[gate_up], tokens, width, dtype};
  });
}

}  // namespace

std::vector<Case> swiglu_cases() {
  return cases_from_table(SHAPES, FLOAT_DTYPES, make,
                          [](const std::string& dimension, int value) -> std::optional<Shape> {
                            if (dimension == "width") return Shape{ShapeSet::kCi, 2, value};
                            return std::nullopt;
                          });
}

}  // namespace assay::suites
