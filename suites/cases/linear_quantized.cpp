// Linear layers on 8- and 4-bit weights: odd groups, groups that share a byte, whole rows; the
// products of 7B in the sweep.
//
// LibTorch's own error is that of fp32 on the weights dequantized to fp32, rounded once to the
// dtype, as the contract says; rounding the weights to a half type as well would double the
// tolerance and more.
#include "kernels/linear_quantized/linear_quantized.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/quantized.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int m;
  int n;
  int k;
  int bits;
  int group_size;
  bool with_bias = false;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 1, 17, 128, 8, 32, true},
    {ShapeSet::kSmoke, 3, 9, 128, 4, 64},
    {ShapeSet::kSmoke, 2, 5, 30, 4, 15, true},  // groups that share a byte
    {ShapeSet::kCi, 1, 1, 1, 8, 1},
    {ShapeSet::kCi, 2, 3, 33, 8, 11},
    {ShapeSet::kCi, 1, 40, 4096, 4, 128, true},
    {ShapeSet::kCi, 5, 12, 4096, 8, 4096},
    {ShapeSet::kCi, 3, 6, 11008, 4, 128},
    {ShapeSet::kCi, 33, 18, 192, 8, 64, true},
    {ShapeSet::kCi, 66, 67, 96, 4, 32},
    {ShapeSet::kSweep, 1, 12288, 4096, 8, 128},  // 7B decode
    {ShapeSet::kSweep, 1, 4096, 4096, 8, 128},
    {ShapeSet::kSweep, 1, 22016, 4096, 8, 128},
    {ShapeSet::kSweep, 1, 4096, 11008, 8, 128},
    {ShapeSet::kSweep, 1, 12288, 4096, 4, 128},
    {ShapeSet::kSweep, 1, 4096, 4096, 4, 128},
    {ShapeSet::kSweep, 1, 22016, 4096, 4, 128},
    {ShapeSet::kSweep, 1, 4096, 11008, 4, 128},
    {ShapeSet::kSweep, 8, 22016, 4096, 8, 128},
    {ShapeSet::kSweep, 8, 22016, 4096, 4, 128},
    {ShapeSet::kSweep, 32, 22016, 4096, 4, 128},
    {ShapeSet::kSweep, 512, 22016, 4096, 8, 128},  // 7B prefill
    {ShapeSet::kSweep, 512, 22016, 4096, 4, 128},
};

constexpr int MOST_DECODE_ROWS = 64;

Case make(const Shape& shape, DType dtype) {
  const auto [set, m, n, k, bits, group_size, with_bias] = shape;
  CaseBuilder<LinearQuantizedArgs> c(linear_quantized_op(), dtype, set);
  c.dimension("m", m).dimension("n", n).dimension("k", k).dimension("bits", bits);
  c.dimension("group_size", group_size).dimension("bias", with_bias ? 1 : 0);
  c.column("m", m).column("n", n).column("k", k);
  c.phase(m <= MOST_DECODE_ROWS ? "decode" : "prefill");
  const auto x = c.input("x", {m, k}, normal());
  const auto codes = c.typed_input("codes", DType::kU8, {n, k * bits / 8}, integers(0, 255));
  const auto scales =
      c.typed_input("scales", DType::kF16, {n, k / group_size}, normal(0.01, 0.002));
  const auto bias = c.input("bias", {n}, normal(0.0, 0.5));
  const auto y = c.output("y", {m, n});

  const double rows = m;
  const double weights = static_cast<double>(n) * k;
  c.work(weights * (bits / 8.0 + 2.0 / group_size) +
             (rows * k + rows * n + (with_bias ? n : 0.0)) * static_cast<double>(size_of(dtype)),
         2.0 * rows * weights);
  c.three_way(k);
  c.reference([=](const Tensors& t) -> Tensors {
    const at::ScalarType wide = t[x].scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor w = reference::dequantize(t[codes], t[scales], bits, group_size, k, wide);
    return {reference::linear(t[x].to(wide), w, with_bias ? t[bias].to(wide) : at::Tensor())
                .to(t[x].scalar_type())};
  });
  // Its products with quantized weights (_weight_int4pack_mm, _weight_int8pack_mm) want a layout of
  // their own and not every shape; held against here is the product with weights of the dtype.
  c.prepared_peer([=](const Tensors& t) -> std::function<Tensors()> {
    const at::Tensor w =
        reference::dequantize(t[codes], t[scales], bits, group_size, k, t[x].scalar_type());
    return [w, rows = t[x], b = with_bias ? t[bias] : at::Tensor()]() -> Tensors {
      return {reference::linear(rows, w, b)};
    };
  });
  const auto product = [=](const Tensors& t, const at::Tensor& weights_read) -> Tensors {
    return {reference::linear(t[x], weights_read, with_bias ? t[bias] : at::Tensor())};
  };
  const auto read = [=](const at::Tensor& codes_read, const at::Tensor& scales_read) {
    return reference::dequantize(codes_read, scales_read, bits, group_size, k, at::kDouble);
  };
  c.summed([=](const Tensors& t) -> Tensors {
    return {reference::linear(t[x].square(), read(t[codes], t[scales]).square(),
                              with_bias ? t[bias].square() : at::Tensor())};
  });
  c.spoil("scale_of_the_next_group", [=](const Tensors& t) -> Tensors {
    return product(t, read(t[codes], t[scales].roll(-1, 1)));
  });
  c.spoil("scale_of_the_next_row", [=](const Tensors& t) -> Tensors {
    return product(t, read(t[codes], t[scales].roll(-1, 0)));
  });
  c.spoil("codes_unsigned", [=](const Tensors& t) -> Tensors {
    return product(t, dequantize_unsigned(t[codes], t[scales], bits, group_size, k));
  });
  if (bits == 4) {
    c.spoil("nibbles_swapped", [=](const Tensors& t) -> Tensors {
      return product(t, read(swap_nibbles(t[codes]), t[scales]));
    });
  }
  c.spoil("last_group_dropped", [=](const Tensors& t) -> Tensors {
    at::Tensor w = read(t[codes], t[scales]).clone();
    w.narrow(1, k - group_size, group_size).zero_();
    return product(t, w);
  });
  c.spoil("bias_missing", [=](const Tensors& t) -> Tensors {
    return {at::linear(t[x], read(t[codes], t[scales]))};
  });
  return c.launch([=](const Pointers& p) {
    return LinearQuantizedArgs{p[y],
                               p[x],
                               static_cast<const unsigned char*>(p[codes]),
                               p[scales],
                               with_bias ? p[bias] : nullptr,
                               m,
                               n,
                               k,
                               bits,
                               group_size,
                               dtype};
  });
}

}  // namespace

CaseFamily linear_quantized_family() {
  const std::vector<Field<Shape>> fields{field("m", &Shape::m, 1, 100),
                                         field("n", &Shape::n, 1, 200),
                                         field("k", &Shape::k, 1, 8192).times("group_size"),
                                         choice("bits", &Shape::bits, {8, 4}),
                                         field("group_size", &Shape::group_size, 1, 4096),
                                         choice("bias", &Shape::with_bias, {0, 1})};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "m")
      return {{ShapeSet::kCi, value, 10, 64, 8, 32, true}, {ShapeSet::kCi, value, 10, 64, 4, 32}};
    if (dimension == "n")
      return {{ShapeSet::kCi, 3, value, 64, 8, 32}, {ShapeSet::kCi, 3, value, 64, 4, 32, true}};
    if (dimension == "k")
      return {{ShapeSet::kCi, 2, 9, value, 8, value}, {ShapeSet::kCi, 2, 9, value, 4, value}};
    if (dimension == "group_size")
      return {{ShapeSet::kCi, 2, 9, 4 * value, 8, value},
              {ShapeSet::kCi, 2, 9, 4 * value, 4, value}};
    return {};
  };
  return family_from_table(linear_quantized_op(), SHAPES, FLOAT_DTYPES, fields, make, at,
                           split_byte<Shape>);
}

}  // namespace assay::suites
