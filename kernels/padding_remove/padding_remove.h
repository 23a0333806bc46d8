// Packs a padded batch: y[t] = x[t + padding_offset[t]]. Exact, any dtype.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct PaddingRemoveArgs {
  void* y;                    // (T, X) dtype
  const void* x;              // (B * T_max, X) dtype
  const int* padding_offset;  // (T)
  int tokens;                 // T
  int width;                  // X
  DType dtype;                // any
};

const Op<PaddingRemoveArgs>& padding_remove_op();

}  // namespace assay
