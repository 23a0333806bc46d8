// SwiGLU: gates at both ends of the sigmoid and between, widths around every version's blocks.
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

// Gates mostly where SiLU bends, and at both ends of the sigmoid, where exp of the gate or of its
// negative overflows fp32. A large gate has a small up, or their product would hide all other
// errors.
Fill gates_and_ups() {
  return [](HostTensor& t, Random& random) {
    const auto width = static_cast<std::size_t>(t.shape[1]) / 2;
    draw_elements(t, random, 1, [=](std::size_t i, Random& r) {
      const bool is_gate = i % (2 * width) < width;
      const std::size_t column = i % width % 16;
      const double value = (is_gate ? 2.0 : 1.0) * r.normal();
      if (column == 3 && is_gate) return -100.0;
      if (column == 7) return is_gate ? 100.0 : 0.02 * value;
      return value;
    });
  };
}

Case make(const Shape& shape, DType dtype) {
  const auto [set, tokens, width] = shape;
  CaseBuilder<SwigluArgs> c(swiglu_op(), dtype, set);
  c.dimension("tokens", tokens).dimension("width", width).column("m", tokens).column("n", width);
  const auto gate_up = c.input("gate_up", {tokens, 2 * width}, gates_and_ups());
  const auto y = c.output("y", {tokens, width});

  const double elements = static_cast<double>(tokens) * width;
  c.work(3.0 * elements * static_cast<double>(size_of(dtype)), 5.0 * elements);
  c.three_way(1);
  c.reference([=](const Tensors& t) -> Tensors { return {reference::swiglu(t[gate_up])}; });
  const auto gate = [=](const Tensors& t) { return t[gate_up].narrow(1, 0, width); };
  const auto up = [=](const Tensors& t) { return t[gate_up].narrow(1, width, width); };
  c.spoil("gate_and_up_swapped", [=](const Tensors& t) -> Tensors {
    return {reference::swiglu(t[gate_up].roll(width, 1))};
  });
  c.spoil("gate_beside_up", [=](const Tensors& t) -> Tensors {
    return {reference::swiglu(t[gate_up].view({tokens, width, 2}).transpose(1, 2).flatten(1))};
  });
  c.spoil("sigmoid_for_silu",
          [=](const Tensors& t) -> Tensors { return {at::sigmoid(gate(t)) * up(t)}; });
  c.spoil("gelu_for_silu",
          [=](const Tensors& t) -> Tensors { return {at::gelu(gate(t)) * up(t)}; });
  c.spoil("up_missing", [=](const Tensors& t) -> Tensors { return {at::silu(gate(t))}; });
  if (tokens > 1) c.independent_rows({gate_up, y}, [=] { return make({set, 1, width}, dtype); });
  return c.launch([=](const Pointers& p) {
    return SwigluArgs{p[y], p[gate_up], tokens, width, dtype};
  });
}

}  // namespace

CaseFamily swiglu_family() {
  const std::vector<Field<Shape>> fields{field("tokens", &Shape::tokens, 1, 64),
                                         field("width", &Shape::width, 1, 12000)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "width") return {{ShapeSet::kCi, 2, value}};
    return {};
  };
  return family_from_table(swiglu_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
