// Writes the key and value heads of new tokens into the cache, at the slots of their positions.
// Every other slot keeps its bytes. Exact.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct KvAppendArgs {
  void* k_cache;              // (B, G, S_max, D) dtype
  void* v_cache;              // (B, G, S_max, D) dtype
  const void* qkv;            // (T, (H + 2 G) * D) dtype
  const int* positions;       // (T), each < S_max
  const int* padding_offset;  // (T): the sequence of token t is (t + padding_offset[t]) / T_max
  int tokens;                 // T
  int t_max;                  // T_max
  int heads;                  // H
  int kv_heads;               // G
  int s_max;                  // S_max
  int head_dim;               // D
  DType dtype;                // fp32, fp16, bf16
};

const Op<KvAppendArgs>& kv_append_op();

}  // namespace assay
