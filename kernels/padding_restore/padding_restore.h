// Spreads packed rows over a padded batch: y[t + padding_offset[t]] = x[t]; padding rows become
// zero. Reads the first X columns of rows that are `x_stride` elements apart. Exact, any dtype.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct PaddingRestoreArgs {
  void* y;               // (B, T_max, X) dtype
  const void* x;         // (T, x_stride) dtype
  const int* cu_q_lens;  // (B + 1), from padding_offsets
  int batch;             // B
  int t_max;             // T_max
  int width;             // X
  int x_stride;          // elements from one row of x to the next, >= X
  DType dtype;           // any
};

const Op<PaddingRestoreArgs>& padding_restore_op();

}  // namespace assay
