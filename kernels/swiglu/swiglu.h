// SwiGLU (Shazeer, 2020): y = silu(gate) * up, silu(z) = z / (1 + exp(-z)), in fp32, rounded once.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct SwigluArgs {
  void* y;              // (T, F) dtype
  const void* gate_up;  // (T, 2 F) dtype: gate, then up
  int tokens;           // T
  int width;            // F
  DType dtype;          // fp32, fp16, bf16
};

const Op<SwigluArgs>& swiglu_op();

}  // namespace assay
