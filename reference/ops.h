// Every op of the engine, as LibTorch's user would write it, on any device and dtype.
//
// The maths is that of the papers: RMSNorm (Zhang and Sennrich 2019), rotary embedding (Su et al.
// 2021), grouped-query attention (Ainslie et al. 2023), SwiGLU (Shazeer 2020), Llama 2 (Touvron et
// al. 2023). A function computes in the dtype of its inputs, so that one function gives both the
// truth (float64 in) and the error that LibTorch itself makes at a kernel's dtype.
// Integer tensors are i32 (i64 is taken as well). Shape letters are those of kernels/README.md.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay::reference {

/// y (T,C) = table (V,C) at ids (T).
at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);

struct PaddingOffsets {
  at::Tensor cu_q_lens;       // (B+1) tokens before each sequence
  at::Tensor padding_offset;  // (T)   padded slot minus packed row
  at::Tensor positions;       // (T)   place of the token in its own sequence
};
/// Where each packed row of a ragged batch lies when padded; q_lens (B), past_lens (B).
PaddingOffsets padding_offsets(const at::Tensor& q_lens, const at::Tensor& past_lens);

/// x (B,T_max,X) -> (T,X), without the padding rows.
at::Tensor padding_remove(const at::Tensor& x, const at::Tensor& padding_offset);

/// The first `columns` columns of x (T,·) -> (B,T_max,columns) with zero padding rows; all columns
/// where `columns` is negative.
at::Tensor padding_restore(const at::Tensor& x, const at::Tensor& padding_offset,
                           std::int64_t batch, std::int64_t t_max, std::int64_t columns = -1);

/// mask (B,T_max,S) u8: 1 where query j of sequence b exists and sees slot s <= past_lens[b] + j.
at::Tensor causal_mask(const at::Tensor& q_lens, const at::Tensor& past_lens, std::int64_t t_max,
                       std::int64_t s);

/// y = x * rsqrt(mean(x^2) + eps) * weight over the last dimension; half types through fp32.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// y (M,N) = x (M,K) w (N,K)^T + bias (N); an undefined bias is none.
at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias = {});

struct Quantized {
  at::Tensor codes;   // u8 (N,K) holding int8, or (N,K/2) holding two int4 + 8, even k low
  at::Tensor scales;  // fp16 (N,K/group_size)
};
/// Symmetric round-to-nearest-even by groups along K; bits 8 or 4. K divides by group_size.
Quantized quantize(const at::Tensor& w, int bits, std::int64_t group_size);

/// w (N,k) of `dtype` = code * scale. float64 gives the exact product.
at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& scales, int bits,
                      std::int64_t group_size, std::int64_t k, at::ScalarType dtype);

/// qkv (T,(H+2G)*D) with query and key heads rotated by positions (T) * inv_freq (D/2); pairs are
/// (i, i+D/2). inv_freq (T,D/2) gives each row its own frequencies.
at::Tensor rope(const at::Tensor& qkv, const at::Tensor& positions, const at::Tensor& inv_freq,
                std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim);

struct KvCache {
  at::Tensor k;  // (B,G,S_max,D)
  at::Tensor v;  // (B,G,S_max,D)
};
/// New caches with the keys and values of qkv (T,(H+2G)*D) at their sequences' positions (T).
KvCache kv_append(const at::Tensor& k_cache, const at::Tensor& v_cache, const at::Tensor& qkv,
                  const at::Tensor& positions, const at::Tensor& padding_offset, std::int64_t t_max,
                  std::int64_t heads, std::int64_t kv_heads);

/// cache (B,G,S_max,D) -> (B,H,S,D): head h reads group h / (H/G); slots >= kv_lens (B) are zero.
at::Tensor kv_broadcast(const at::Tensor& cache, const at::Tensor& kv_lens, std::int64_t heads,
                        std::int64_t s);

/// p (B,H,T_max,S) = softmax over s of scale * q.k where mask is set, zero in rows that see
/// nothing. q (B,T_max,H,D), k (B,H,>=S,D), mask (B,T_max,S).
at::Tensor attention_scores(const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask,
                            double scale);

/// o (B,T_max,H,D) = sum over s < kv_lens[b] of p (B,H,T_max,S) * v (B,H,>=S,D).
at::Tensor attention_values(const at::Tensor& p, const at::Tensor& v, const at::Tensor& kv_lens);

at::Tensor residual_add(const at::Tensor& x, const at::Tensor& residual);

/// gate_up (T,2F), gate first -> silu(gate) * up (T,F).
at::Tensor swiglu(const at::Tensor& gate_up);

}  // namespace assay::reference
