// Dequantization: every code there is, under scales from the smallest to large ones.
//
// A code times an fp16 scale is exact in fp32, so that rounding to the dtype is the only one, and
// the comparison is exact.
#include "kernels/dequantize/dequantize.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/quantized.h"
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
    {ShapeSet::kSmoke, 3, 256, 8, 64},       {ShapeSet::kSmoke, 3, 256, 4, 32},
    {ShapeSet::kCi, 2, 66, 4, 33},           {ShapeSet::kCi, 2, 33, 8, 11},
    {ShapeSet::kCi, 7, 4096, 8, 4096},       {ShapeSet::kCi, 7, 4096, 4, 128},
    {ShapeSet::kSweep, 4096, 4096, 8, 128},  {ShapeSet::kSweep, 4096, 4096, 4, 128},
    {ShapeSet::kSweep, 22016, 4096, 4, 128},
};

at::ScalarType scalar_type(DType dtype) {
  if (dtype == DType::kF32) return at::kFloat;
  return dtype == DType::kF16 ? at::kHalf : at::kBFloat16;
}

Case make(const Shape& shape, DType dtype) {
  const auto [set, n, k, bits, group_size] = shape;
  CaseBuilder<DequantizeArgs> c(dequantize_op(), dtype, set);
  c.dimension("n", n).dimension("k", k).dimension("bits", bits).dimension("group_size", group_size);
  c.column("n", n).column("k", k);
  const auto codes = c.typed_input("codes", DType::kU8, {n, k * bits / 8}, integers(0, 255));
  const auto scales =
      c.typed_input("scales", DType::kF16, {n, k / group_size}, [](HostTensor& t, Random& random) {
        normal(0.01, 0.002)(t, random);
        t.set(0, 0x1p-24);  // the smallest there is
      });
  const auto w = c.output("w", {n, k});

  const double elements = static_cast<double>(n) * k;
  c.exact().work(elements * (static_cast<double>(size_of(dtype)) + bits / 8.0 + 2.0 / group_size),
                 elements);
  c.reference([=](const Tensors& t) -> Tensors {
    return {reference::dequantize(t[codes], t[scales], bits, group_size, k, at::kDouble)
                .to(scalar_type(dtype))};
  });
  // A code times an fp16 scale is rounded to fp16 at once; no other scale has to be.
  c.peer([=](const Tensors& t) -> Tensors {
    at::Tensor values = t[codes].view(at::kChar);
    if (bits == 4) {
      values = at::stack({at::bitwise_and(values, 15),
                          at::bitwise_and(at::bitwise_right_shift(values, 4), 15)},
                         -1) -
               8;
    }
    const bool half = t[scales].scalar_type() == at::kHalf && dtype != DType::kF16;
    const at::Tensor scale = half ? t[scales].to(at::kFloat) : t[scales];
    return {(values.view({n, k / group_size, group_size}) * scale.unsqueeze(-1))
                .view({n, k})
                .to(scalar_type(dtype))};
  });
  const auto read = [=](const at::Tensor& codes_read, const at::Tensor& scales_read) -> Tensors {
    return {reference::dequantize(codes_read, scales_read, bits, group_size, k, at::kDouble)};
  };
  c.spoil("scale_of_the_next_group",
          [=](const Tensors& t) -> Tensors { return read(t[codes], t[scales].roll(-1, 1)); });
  c.spoil("scale_of_the_next_row",
          [=](const Tensors& t) -> Tensors { return read(t[codes], t[scales].roll(-1, 0)); });
  c.spoil("codes_unsigned", [=](const Tensors& t) -> Tensors {
    return {dequantize_unsigned(t[codes], t[scales], bits, group_size, k)};
  });
  if (bits == 4) {
    c.spoil("nibbles_swapped",
            [=](const Tensors& t) -> Tensors { return read(swap_nibbles(t[codes]), t[scales]); });
  }
  if (n > 1) {
    c.independent_rows({codes, scales, w}, [=] {
      return make({set, 1, k, bits, group_size}, dtype);
    });
  }
  return c.launch([=](const Pointers& p) {
    return DequantizeArgs{
        p[w], static_cast<const unsigned char*>(p[codes]), p[scales], n, k, bits, group_size,
        dtype};
  });
}

}  // namespace

CaseFamily dequantize_family() {
  const std::vector<Field<Shape>> fields{
      field("n", &Shape::n, 1, 64), field("k", &Shape::k, 1, 8192).times("group_size"),
      choice("bits", &Shape::bits, {8, 4}), field("group_size", &Shape::group_size, 1, 4096)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "k")
      return {{ShapeSet::kCi, 2, value, 8, value}, {ShapeSet::kCi, 2, value, 4, value}};
    return {};
  };
  return family_from_table(dequantize_op(), SHAPES, FLOAT_DTYPES, fields, make, at,
                           split_byte<Shape>);
}

}  // namespace assay::suites
