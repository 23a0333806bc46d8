// Linear layer: y = x w^T + bias, accumulated in fp32, rounded once to dtype.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct LinearArgs {
  void* y;           // (M, N) dtype
  const void* x;     // (M, K) dtype
  const void* w;     // (N, K) dtype
  const void* bias;  // (N) dtype, or null
  int m;
  int n;
  int k;
  DType dtype;  // fp32, fp16, bf16
};

const Op<LinearArgs>& linear_op();

}  // namespace assay
