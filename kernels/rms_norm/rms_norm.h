// RMSNorm (Zhang and Sennrich, 2019): y = x / sqrt(mean(x^2) + eps) * weight, row by row.
// Statistics and products in fp32, rounded once to dtype.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct RmsNormArgs {
  void* y;             // (M, C) dtype
  const void* x;       // (M, C) dtype
  const void* weight;  // (C) dtype
  int rows;            // M
  int width;           // C
  float eps;
  DType dtype;  // fp32, fp16, bf16
};

const Op<RmsNormArgs>& rms_norm_op();

}  // namespace assay
