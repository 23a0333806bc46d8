// Rotary position embedding (Su et al., 2021), in place, on the query and key heads of the merged
// QKV product. Element i of a head is paired with element i + D / 2, as Hugging Face stores them:
//   angle = positions[t] * inv_freq[i]
//   (a, b) -> (a cos - b sin, b cos + a sin)
// Angles and products in fp32, rounded once to dtype. Value heads are left alone.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct RopeArgs {
  void* qkv;              // (T, (H + 2 G) * D) dtype: H query, G key, G value heads
  const int* positions;   // (T)
  const float* inv_freq;  // (D / 2)
  int tokens;             // T
  int heads;              // H
  int kv_heads;           // G
  int head_dim;           // D, even
  DType dtype;            // fp32, fp16, bf16
};

const Op<RopeArgs>& rope_op();

}  // namespace assay
