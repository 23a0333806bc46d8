// Quantization: both widths of code, groups from two elements to a whole row, rows of zeros.
#include "kernels/quantize/quantize.h"

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
    {ShapeSet::kSmoke, 3, 256, 8, 64},
    {ShapeSet::kSmoke, 3, 256, 4, 32},
    {ShapeSet::kCi, 3, 66, 4, 33},
    {ShapeSet::kCi, 2, 33, 8, 11},
    {ShapeSet::kCi, 5, 4, 4, 2},
    {ShapeSet::kCi, 24, 4096, 8, 2},  // scales by the ten thousand: a reciprocal's product shows
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
  // The last row is zero: so are its scales and codes. Of three or more rows, the first has weights
  // half-way between two codes, in turn with groups so small that their scale is a subnormal number
  // and codes are clamped.
  const auto w = c.input("w", {n, k}, [=](HostTensor& t, Random& random) {
    normal(0.0, 0.02)(t, random);
    const int qmax = bits == 8 ? 127 : 7;
    for (int i = 0; n > 2 && i < k; ++i) {
      const double code = i % group_size == 0 ? qmax : random.between(-qmax, qmax - 1) + 0.5;
      t.set(static_cast<std::size_t>(i), code * (i / group_size % 2 == 0 ? 0x1p-6 : 0x1.6p-24));
    }
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
  // Codes and scales from scales of its own and another way to round.
  const auto coded = [=](const at::Tensor& weights, const at::Tensor& own_scales,
                         at::Tensor (*round)(const at::Tensor&)) -> Tensors {
    const double qmax = bits == 8 ? 127.0 : 7.0;
    const at::Tensor scale = own_scales.to(at::kDouble).repeat_interleave(group_size, 1);
    const at::Tensor all =
        at::where(scale == 0, 0.0, at::clamp(round(weights / scale), -qmax, qmax)).to(at::kInt);
    if (bits == 8) return {at::remainder(all, 256), own_scales};
    const at::Tensor pairs = (all + 8).view({n, -1, 2});
    return {pairs.select(-1, 0) + pairs.select(-1, 1) * 16, own_scales};
  };
  const auto right_scales = [=](const Tensors& t) {
    return reference::quantize(t[w], bits, group_size).scales;
  };
  c.spoil("rounded_down", [=](const Tensors& t) -> Tensors {
    return coded(t[w], right_scales(t), [](const at::Tensor& v) { return v.floor(); });
  });
  c.spoil("cut_off", [=](const Tensors& t) -> Tensors {
    return coded(t[w], right_scales(t), [](const at::Tensor& v) { return v.trunc(); });
  });
  c.spoil("largest_instead_of_largest_magnitude", [=](const Tensors& t) -> Tensors {
    const at::Tensor most = t[w].view({n, -1, group_size}).amax(-1).clamp_min(0.0);
    return coded(t[w], (most / (bits == 8 ? 127.0 : 7.0)).to(at::kHalf),
                 [](const at::Tensor& v) { return v.round(); });
  });
  c.spoil("codes_by_the_next_scale", [=](const Tensors& t) -> Tensors {
    const at::Tensor scale = right_scales(t);
    return {coded(t[w], scale.roll(-1, 1), [](const at::Tensor& v) { return v.round(); })[0],
            scale};
  });
  c.spoil("zero_point_of_the_other_kind", [=](const Tensors& t) -> Tensors {
    const reference::Quantized q = reference::quantize(t[w], bits, group_size);
    return {at::bitwise_xor(q.codes, bits == 8 ? 0x80 : 0x88), q.scales};
  });
  if (bits == 4) {
    c.spoil("nibbles_swapped", [=](const Tensors& t) -> Tensors {
      const reference::Quantized q = reference::quantize(t[w], bits, group_size);
      return {swap_nibbles(q.codes), q.scales};
    });
  }
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

CaseFamily quantize_family() {
  const std::vector<Field<Shape>> fields{
      field("n", &Shape::n, 1, 64), field("k", &Shape::k, 1, 8192).times("group_size"),
      choice("bits", &Shape::bits, {8, 4}), field("group_size", &Shape::group_size, 1, 4096)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "k")
      return {{ShapeSet::kCi, 2, value, 8, value}, {ShapeSet::kCi, 2, value, 4, value}};
    if (dimension == "group_size")
      return {{ShapeSet::kCi, 2, 2 * value, 8, value}, {ShapeSet::kCi, 2, 2 * value, 4, value}};
    return {};
  };
  return family_from_table(quantize_op(), SHAPES, FLOAT_DTYPES, fields, make, at,
                           split_byte<Shape>);
}

}  // namespace assay::suites
