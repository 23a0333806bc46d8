// Attention output: o[b, t, h] = sum over s < kv_lens[b] of p[b, h, t, s] * v[b, h, s], accumulated
// in fp32, rounded once. Slots from kv_lens[b] on are never read, so they may hold anything.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct AttentionValuesArgs {
  void* o;             // (B, T_max, H, D) dtype
  const void* p;       // (B, H, T_max, S) dtype
  const void* v;       // (B, H, v_stride): D-wide rows s of head h start v_stride elements apart
  const int* kv_lens;  // (B), each <= S
  int batch;           // B
  int t_max;           // T_max
  int heads;           // H
  int s;               // S
  int head_dim;        // D
  long long v_stride;  // elements from one head to the next, >= S * D
  DType dtype;         // fp32, fp16, bf16
};

const Op<AttentionValuesArgs>& attention_values_op();

}  // namespace assay
