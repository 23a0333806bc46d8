// Word embedding: y[t] = table[ids[t]]. Exact.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct EmbeddingArgs {
  void* y;            // (T, C) dtype
  const void* table;  // (V, C) dtype
  const int* ids;     // (T), each in [0, V)
  int tokens;         // T
  int width;          // C
  int vocab;          // V
  DType dtype;        // fp32, fp16, bf16
};

const Op<EmbeddingArgs>& embedding_op();

}  // namespace assay
