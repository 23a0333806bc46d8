// Where each token of a packed ragged batch would stand in the padded one. Exact.
//
// Token j of sequence b is row t = cu_q_lens[b] + j of a packed tensor and row b * T_max + j of a
// padded one: padding_offset[t] is the difference. Its place in its sequence is past_lens[b] + j.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct PaddingOffsetsArgs {
  int* cu_q_lens;        // (B + 1), cu_q_lens[B] = T
  int* padding_offset;   // (T)
  int* positions;        // (T)
  const int* q_lens;     // (B), each in [0, T_max]; their sum is T
  const int* past_lens;  // (B)
  int batch;             // B
  int tokens;            // T
  int t_max;             // T_max
};

const Op<PaddingOffsetsArgs>& padding_offsets_op();

}  // namespace assay
