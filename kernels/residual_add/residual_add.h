// y = x + residual, element by element, added in fp32 and rounded once. y may be x or residual.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct ResidualAddArgs {
  void* y;               // (count) dtype
  const void* x;         // (count) dtype
  const void* residual;  // (count) dtype
  long long count;
  DType dtype;  // fp32, fp16, bf16
};

const Op<ResidualAddArgs>& residual_add_op();

}  // namespace assay
