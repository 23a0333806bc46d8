// Which cached slot each query may see: mask[b, j, s] = 1 iff j < q_lens[b] and
// s <= past_lens[b] + j, else 0. Exact.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct CausalMaskArgs {
  unsigned char* mask;   // (B, T_max, S)
  const int* q_lens;     // (B)
  const int* past_lens;  // (B)
  int batch;             // B
  int t_max;             // T_max
  int s;                 // S
};

const Op<CausalMaskArgs>& causal_mask_op();

}  // namespace assay
