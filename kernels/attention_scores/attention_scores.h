// Masked attention scores: p = softmax over s of scale * (q . k) where the mask allows.
// Products and softmax in fp32, rounded once to dtype. A row that may see nothing is zero.
// Keys are read only where the mask allows, so unused cache slots may hold anything.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct AttentionScoresArgs {
  void* p;        // (B, H, T_max, S) dtype
  const void* q;  // (B, T_max, H, D) dtype
  const void* k;  // (B, H, k_stride): D-wide rows s of head h start k_stride elements apart
  const unsigned char* mask;  // (B, T_max, S), from causal_mask
  int batch;                  // B
  int t_max;                  // T_max
  int heads;                  // H
  int s;                      // S
  int head_dim;               // D
  long long k_stride;         // elements from one head to the next, >= S * D
  float scale;                // 1 / sqrt(D)
  DType dtype;                // fp32, fp16, bf16
};

const Op<AttentionScoresArgs>& attention_scores_op();

}  // namespace assay
