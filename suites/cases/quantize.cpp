// Quantization: both widths of code, groups from two elements to a whole row, rows of zeros.
#include "kernels/quantize/quantize.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int n;
  int k;
  int bits;
  int group_size;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 3, 256, 8, 64},
    {ShapeSet::kSmoke, 3, 256, 4, 32},
    {ShapeSet::kCi, 2, 66, 4, 33},
    {ShapeSet::kCi, 2, 33, 8, 11},
    {ShapeSet::kCi, 5, 4, 4, 2},
    {ShapeSet::kCi, 7, 4096, 8, 4096},
    {ShapeSet::kCi, 7, 4096, 4, 128},
    {ShapeSet::kSweep, 4096, 4096, 8, 128},
    {ShapeSet::kSweep, 4096, 4096, 4, 128},
    {ShapeSet::kSweep, 22016, 4096, 4, 128},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, n, k, bits, group_size] = shape;
  CaseBuilder<QuantizeArgs> c(quantize_op(), dtype, set);
  c.dimension("n", n).dimension("k", k).dimension("bits", bits).dimension("group_size", group_size);
  c.column("n", n).column("k", k);
  // The last row is zero: so are its scales and codes.
  const auto w = c.input("w", {n, k}, [](HostTensor& t, Random& random) {
    normal(0.0, 0.02)(t, random);
    const std::size_t row = static_cast<std::size_t>(t.shape[1]);
    for (std::size_t i = t.count() - row; i < t.count(); ++i) t.set(i, 0.0);
  });
  const auto codes = c.typed_output("codes", DType::kU8, {n, k * bits / 8});
  const auto scales = c.typed_output("scales", DType::kF16, {n, k / group_size});

  const double elements = static_cast<double>(n) * k;
  c.exact().work(elements * (static_cast<double>(size_of(dtype)) + bits / 8.0 + 2.0 / group_size),
                 2.0 * elements);
  c.reference([=](const Tensors& t) -> Tensors {
    const reference::Quantized q = reference::quantize(t[w], bits, group_size);
    return {q.codes, q.scales};
  });
  if (n > 1) {
    c.independent_rows({w, codes, scales}, [=] {
      return make({set, 1, k, bits, group_size}, dtype);
    });
  }
  return c.launch([=](const Pointers& p) {
    return QuantizeArgs{
        static_cast<unsigned char*>(p[codes]), p[scales], p[w], n, k, bits, group_size, dtype};
  });
}

}  // namespace

std::vector<Case> quantize_cases() {
  return cases_from_table(SHAPES, FLOAT_DTYPES, make,
                          [](const std::string& dimension, int value) -> std::optional<Shape> {
                            const int bits = value % 2 == 0 ? 4 : 8;
                            if (dimension == "k")
                              return Shape{ShapeSet::kCi, 2, value, bits, value};
                            if (dimension == "group_size") {
                              return Shape{ShapeSet::kCi, 2, 2 * value, bits, value};
                            }
                            return std::nullopt;
                          });
}

}  // namespace assay::suites
