#include "reference/ops.h"

#include <ATen/ATen.h>

#include <limits>

namespace assay::reference {
namespace {

bool is_half(const at::Tensor& x) {
  return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16;
}

at::TensorOptions ints_like(const at::Tensor& x) { return x.options().dtype(at::kInt); }

// (B,S), true where a slot holds nothing.
at::Tensor unused_slots(const at::Tensor& kv_lens, std::int64_t s) {
  return at::arange(s, ints_like(kv_lens)).unsqueeze(0) >= kv_lens.unsqueeze(1);
}

}  // namespace

at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids) {
  return at::embedding(table, ids.to(at::kLong));
}

PaddingOffsets padding_offsets(const at::Tensor& q_lens, const at::Tensor& past_lens) {
  const at::Tensor lens = q_lens.to(at::kLong);
  const at::Tensor ends = at::cumsum(lens, 0);
  const at::Tensor starts = ends - lens;
  const at::Tensor sequence =
      at::repeat_interleave(at::arange(lens.size(0), lens.options()), lens);  // (T) b of each row
  const at::Tensor rows = at::arange(sequence.size(0), lens.options());
  const at::Tensor j = rows - starts.index_select(0, sequence);
  const at::Tensor slots = sequence * lens.max() + j;
  return {at::cat({at::zeros({1}, lens.options()), ends}).to(at::kInt), (slots - rows).to(at::kInt),
          (past_lens.to(at::kLong).index_select(0, sequence) + j).to(at::kInt)};
}

at::Tensor padding_remove(const at::Tensor& x, const at::Tensor& padding_offset) {
  const at::Tensor offset = padding_offset.to(at::kLong);
  return x.flatten(0, 1).index_select(0, at::arange(offset.size(0), offset.options()) + offset);
}

at::Tensor padding_restore(const at::Tensor& x, const at::Tensor& padding_offset,
                           std::int64_t batch, std::int64_t t_max, std::int64_t columns) {
  const at::Tensor rows = columns < 0 ? x : x.narrow(1, 0, columns);
  const at::Tensor offset = padding_offset.to(at::kLong);
  const at::Tensor slots = at::arange(offset.size(0), offset.options()) + offset;
  return at::zeros({batch * t_max, rows.size(1)}, x.options())
      .index_copy(0, slots, rows)
      .view({batch, t_max, rows.size(1)});
}

at::Tensor causal_mask(const at::Tensor& q_lens, const at::Tensor& past_lens, std::int64_t t_max,
                       std::int64_t s) {
  const at::Tensor j = at::arange(t_max, ints_like(q_lens)).view({1, t_max, 1});
  const at::Tensor slot = at::arange(s, ints_like(q_lens)).view({1, 1, s});
  const at::Tensor exists = j < q_lens.view({-1, 1, 1});
  const at::Tensor visible = slot <= past_lens.view({-1, 1, 1}) + j;
  return at::logical_and(exists, visible).to(at::kByte);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = is_half(x) ? x.to(at::kFloat) : x;
  const at::Tensor normed = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return normed.to(x.scalar_type()) * weight;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  return bias.defined() ? at::linear(x, w, bias) : at::linear(x, w);
}

Quantized quantize(const at::Tensor& w, int bits, std::int64_t group_size) {
  TORCH_CHECK(bits == 8 || bits == 4, "quantize takes bits 8 or 4, not ", bits);
  TORCH_CHECK(w.size(1) % group_size == 0, "K ", w.size(1), " does not divide by group_size ",
              group_size);
  const double qmax = bits == 8 ? 127.0 : 7.0;
  const at::Tensor groups = w.to(at::kFloat).view({w.size(0), -1, group_size});
  // Divided by a tensor: by a number, LibTorch multiplies with its reciprocal on a GPU, which
  // rounds one quotient in some thousands to another half.
  const at::Tensor divisor = at::full({1}, qmax, groups.options());
  const at::Tensor scales = (groups.abs().amax(-1) / divisor).to(at::kHalf);
  const at::Tensor scale = scales.to(at::kFloat).unsqueeze(-1);
  const at::Tensor codes = at::where(scale == 0, at::zeros_like(groups),
                                     at::clamp(at::round(groups / scale), -qmax, qmax))
                               .view({w.size(0), w.size(1)})
                               .to(at::kChar);
  if (bits == 8) return {codes.view(at::kByte), scales};
  const at::Tensor nibbles = (codes + 8).to(at::kByte).view({w.size(0), -1, 2});
  return {nibbles.select(-1, 0) + nibbles.select(-1, 1) * 16, scales};
}

at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& scales, int bits,
                      std::int64_t group_size, std::int64_t k, at::ScalarType dtype) {
  const std::int64_t n = codes.size(0);
  const at::ScalarType wide = dtype == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor values;
  if (bits == 8) {
    values = codes.view(at::kChar).to(wide);
  } else {
    values = at::stack({at::bitwise_and(codes, 15), codes.floor_divide(16)}, -1).to(wide) - 8;
  }
  return (values.view({n, k / group_size, group_size}) * scales.to(wide).unsqueeze(-1))
      .view({n, k})
      .to(dtype);
}

at::Tensor rope(const at::Tensor& qkv, const at::Tensor& positions, const at::Tensor& inv_freq,
                std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim) {
  const std::int64_t tokens = qkv.size(0);
  const std::int64_t rotated = (heads + kv_heads) * head_dim;
  // Angles need more than a half type's 8 or 11 bits.
  const at::ScalarType wide = is_half(qkv) ? at::kFloat : qkv.scalar_type();
  const at::Tensor angle = positions.to(wide).unsqueeze(1) * inv_freq.to(wide);  // (T,D/2)
  const at::Tensor cos = angle.cos().to(qkv.scalar_type()).unsqueeze(1);
  const at::Tensor sin = angle.sin().to(qkv.scalar_type()).unsqueeze(1);
  const at::Tensor x = qkv.narrow(1, 0, rotated).view({tokens, heads + kv_heads, head_dim});
  const at::Tensor a = x.narrow(2, 0, head_dim / 2);
  const at::Tensor b = x.narrow(2, head_dim / 2, head_dim / 2);
  const at::Tensor y = at::cat({a * cos - b * sin, b * cos + a * sin}, 2);
  return at::cat({y.flatten(1), qkv.narrow(1, rotated, kv_heads * head_dim)}, 1);
}

KvCache kv_append(const at::Tensor& k_cache, const at::Tensor& v_cache, const at::Tensor& qkv,
                  const at::Tensor& positions, const at::Tensor& padding_offset, std::int64_t t_max,
                  std::int64_t heads, std::int64_t kv_heads) {
  const std::int64_t head_dim = k_cache.size(3);
  const std::int64_t tokens = qkv.size(0);
  const at::Tensor slots =
      at::arange(tokens, padding_offset.options().dtype(at::kLong)) + padding_offset;
  const at::Tensor sequence = slots.floor_divide(t_max);
  const auto placed = [&](const at::Tensor& cache, std::int64_t first_head) {
    const at::Tensor rows = qkv.narrow(1, first_head * head_dim, kv_heads * head_dim)
                                .view({tokens, kv_heads, head_dim});
    return cache.transpose(1, 2)
        .index_put({sequence, positions.to(at::kLong)}, rows)  // (B,S_max,G,D) at [b, position]
        .transpose(1, 2)
        .contiguous();
  };
  return {placed(k_cache, heads), placed(v_cache, heads + kv_heads)};
}

at::Tensor kv_broadcast(const at::Tensor& cache, const at::Tensor& kv_lens, std::int64_t heads,
                        std::int64_t s) {
  return cache.narrow(2, 0, s)
      .repeat_interleave(heads / cache.size(1), 1)
      .masked_fill(unused_slots(kv_lens, s).view({-1, 1, s, 1}), 0);
}

at::Tensor attention_scores(const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask,
                            double scale) {
  const at::Tensor hidden = (mask == 0).unsqueeze(1);  // (B,1,T_max,S)
  const at::Tensor keys = k.narrow(2, 0, mask.size(2)).to(q.scalar_type());
  const at::Tensor scores = at::matmul(q.transpose(1, 2), keys.transpose(2, 3)) * scale;
  const at::Tensor p =
      at::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
  const at::Tensor blind = hidden.all(-1, /*keepdim=*/true);  // their softmax is 0/0
  return blind.any().item<bool>() ? p.masked_fill(blind, 0) : p;
}

at::Tensor attention_values(const at::Tensor& p, const at::Tensor& v, const at::Tensor& kv_lens) {
  const std::int64_t s = p.size(3);
  at::Tensor weights = p;
  at::Tensor values = v.narrow(2, 0, s);
  const at::Tensor unused = unused_slots(kv_lens, s);
  if (unused.any().item<bool>()) {  // whatever lies there, NaN included, has no part in the sum
    weights = weights.masked_fill(unused.view({-1, 1, 1, s}), 0);
    values = values.masked_fill(unused.view({-1, 1, s, 1}), 0);
  }
  return at::matmul(weights, values).transpose(1, 2).contiguous();
}

at::Tensor residual_add(const at::Tensor& x, const at::Tensor& residual) { return x + residual; }

at::Tensor swiglu(const at::Tensor& gate_up) {
  const std::int64_t width = gate_up.size(1) / 2;
  return at::silu(gate_up.narrow(1, 0, width)) * gate_up.narrow(1, width, width);
}

}  // namespace assay::reference
