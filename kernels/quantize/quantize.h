// Symmetric quantization of weights, in groups of `group_size` along K. Exact.
//
//   scale = fp16(max|w| / qmax), qmax = 127 (8 bits) or 7 (4 bits)
//   code  = clamp(round_to_even(w / scale), -qmax, qmax), with w and the rounded scale in fp32
// A group whose scale rounds to zero has codes of zero.
#pragma once

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

struct QuantizeArgs {
  unsigned char* codes;  // 8 bits: (N, K) two's complement; 4 bits: (N, K / 2), code + 8, even k in
                         // the low nibble
  void* scales;          // (N, K / group_size) fp16
  const void* w;         // (N, K) dtype
  int n;
  int k;           // a multiple of group_size; even for 4 bits
  int bits;        // 8 or 4
  int group_size;  // > 0
  DType dtype;     // fp32, fp16, bf16
};

const Op<QuantizeArgs>& quantize_op();

}  // namespace assay
