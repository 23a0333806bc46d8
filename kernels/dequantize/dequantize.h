// The inverse of quantize: w = code * scale in fp32, rounded to dtype. Exact.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct DequantizeArgs {
  void* w;                     // (N, K) dtype
  const unsigned char* codes;  // as quantize writes them
  const void* scales;          // (N, K / group_size) fp16
  int n;
  int k;
  int bits;        // 8 or 4
  int group_size;  // divides k
  DType dtype;     // fp32, fp16, bf16
};

const Op<DequantizeArgs>& dequantize_op();

}  // namespace assay
