// Linear layer on quantized weights: y = x dequantize(w)^T + bias. Weights are dequantized to fp32
// and not rounded again; accumulated in fp32, rounded once to dtype.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct LinearQuantizedArgs {
  void* y;                     // (M, N) dtype
  const void* x;               // (M, K) dtype
  const unsigned char* codes;  // as quantize writes them
  const void* scales;          // (N, K / group_size) fp16
  const void* bias;            // (N) dtype, or null
  int m;
  int n;
  int k;
  int bits;        // 8 or 4
  int group_size;  // divides k
  DType dtype;     // fp32, fp16, bf16: of x, y and bias
};

const Op<LinearQuantizedArgs>& linear_quantized_op();

}  // namespace assay
