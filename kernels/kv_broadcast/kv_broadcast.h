// Repeats each group's cached keys (or values) for the H / G query heads that share it:
// y[b, h, s] = cache[b, h / (H / G), s] for s < kv_lens[b], zero beyond. Exact.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct KvBroadcastArgs {
  void* y;             // (B, H, S, D) dtype
  const void* cache;   // (B, G, S_max, D) dtype
  const int* kv_lens;  // (B), each <= S
  int batch;           // B
  int heads;           // H, a multiple of G
  int kv_heads;        // G
  int s;               // S <= S_max
  int s_max;           // S_max
  int head_dim;        // D
  DType dtype;         // fp32, fp16, bf16
};

const Op<KvBroadcastArgs>& kv_broadcast_op();

}  // namespace assay
