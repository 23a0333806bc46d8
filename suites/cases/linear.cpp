// Linear layers: the sides of every tile, with and without a bias; the products of 7B in the sweep.
#include "kernels/linear/linear.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int m;
  int n;
  int k;
  bool with_bias = false;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 1, 33, 64, true},  // matrix-vector
    {ShapeSet::kSmoke, 3, 17, 21},        // rows of K that no vector divides
    {ShapeSet::kSmoke, 70, 66, 48, true},
    {ShapeSet::kCi, 1, 1, 1},
    {ShapeSet::kCi, 2, 96, 4096},
    {ShapeSet::kCi, 1, 40, 11008, true},
    {ShapeSet::kCi, 4, 7, 128},
    {ShapeSet::kCi, 6, 129, 72, true},
    {ShapeSet::kCi, 129, 130, 33, true},
    {ShapeSet::kSweep, 1, 12288, 4096},  // 7B decode: qkv, output, gate and up, down, logits
    {ShapeSet::kSweep, 1, 4096, 4096},
    {ShapeSet::kSweep, 1, 22016, 4096},
    {ShapeSet::kSweep, 1, 4096, 11008},
    {ShapeSet::kSweep, 1, 32000, 4096},
    {ShapeSet::kSweep, 8, 12288, 4096},
    {ShapeSet::kSweep, 8, 4096, 4096},
    {ShapeSet::kSweep, 8, 22016, 4096},
    {ShapeSet::kSweep, 8, 4096, 11008},
    {ShapeSet::kSweep, 8, 32000, 4096},
    {ShapeSet::kSweep, 32, 12288, 4096},
    {ShapeSet::kSweep, 32, 4096, 4096},
    {ShapeSet::kSweep, 32, 22016, 4096},
    {ShapeSet::kSweep, 32, 4096, 11008},
    {ShapeSet::kSweep, 32, 32000, 4096},
    {ShapeSet::kSweep, 512, 12288, 4096},  // 7B prefill
    {ShapeSet::kSweep, 512, 22016, 4096},
    {ShapeSet::kSweep, 512, 4096, 11008},
    {ShapeSet::kSweep, 2048, 12288, 4096},
    {ShapeSet::kSweep, 2048, 4096, 4096},
    {ShapeSet::kSweep, 2048, 22016, 4096},
    {ShapeSet::kSweep, 2048, 4096, 11008},
};

constexpr int MOST_DECODE_ROWS = 64;

Case make(const Shape& shape, DType dtype) {
  const auto [set, m, n, k, with_bias] = shape;
  CaseBuilder<LinearArgs> c(linear_op(), dtype, set);
  c.dimension("m", m).dimension("n", n).dimension("k", k).dimension("bias", with_bias ? 1 : 0);
  c.column("m", m).column("n", n).column("k", k);
  c.phase(m <= MOST_DECODE_ROWS ? "decode" : "prefill");
  const auto x = c.input("x", {m, k}, normal());
  const auto w = c.input("w", {n, k}, normal(0.0, 0.05));
  const auto bias = c.input("bias", {n}, normal(0.0, 0.5));
  const auto y = c.output("y", {m, n});

  const double rows = m;
  const double elements = rows * k + static_cast<double>(n) * k + rows * n + (with_bias ? n : 0.0);
  c.work(elements * static_cast<double>(size_of(dtype)), 2.0 * rows * n * k);
  c.three_way(k);
  // No row alone is held against its batch: a BLAS picks another order of additions for one row.
  c.reference([=](const Tensors& t) -> Tensors {
    return {reference::linear(t[x], t[w], with_bias ? t[bias] : at::Tensor())};
  });
  c.summed([=](const Tensors& t) -> Tensors {
    return {reference::linear(t[x].square(), t[w].square(),
                              with_bias ? t[bias].square() : at::Tensor())};
  });
  const auto biased = [=](const at::Tensor& product, const at::Tensor& by) -> Tensors {
    return {with_bias ? product + by : product};
  };
  c.spoil("last_k_dropped", [=](const Tensors& t) -> Tensors {
    return biased(at::linear(t[x].narrow(1, 0, k - 1), t[w].narrow(1, 0, k - 1)), t[bias]);
  });
  c.spoil("w_as_k_rows", [=](const Tensors& t) -> Tensors {
    return biased(at::matmul(t[x], t[w].view({k, n})), t[bias]);
  });
  c.spoil("row_of_w_before", [=](const Tensors& t) -> Tensors {
    return biased(at::linear(t[x], t[w].roll(1, 0)), t[bias]);
  });
  c.spoil("bias_missing", [=](const Tensors& t) -> Tensors { return {at::linear(t[x], t[w])}; });
  c.spoil("bias_of_the_column_before", [=](const Tensors& t) -> Tensors {
    return biased(at::linear(t[x], t[w]), t[bias].roll(1));
  });
  return c.launch([=](const Pointers& p) {
    return LinearArgs{p[y], p[x], p[w], with_bias ? p[bias] : nullptr, m, n, k, dtype};
  });
}

}  // namespace

CaseFamily linear_family() {
  const std::vector<Field<Shape>> fields{
      field("m", &Shape::m, 1, 200), field("n", &Shape::n, 1, 300), field("k", &Shape::k, 1, 12000),
      choice("bias", &Shape::with_bias, {0, 1})};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "m") return {{ShapeSet::kCi, value, 10, 72, true}};
    if (dimension == "n") return {{ShapeSet::kCi, 1, value, 72}, {ShapeSet::kCi, 3, value, 72}};
    if (dimension == "k") return {{ShapeSet::kCi, 1, 9, value}, {ShapeSet::kCi, 2, 9, value}};
    return {};
  };
  return family_from_table(linear_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
