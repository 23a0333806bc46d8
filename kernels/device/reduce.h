// Sums and maxima over a warp and over a block. Every thread gets the result, and the order of
// additions is fixed, so the same inputs give the same bits.
#pragma once

#include "kernels/device/kernel.h"

namespace assay {

struct Sum {
  static constexpr float IDENTITY = 0.0f;
  __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};
struct Max {
  static constexpr float IDENTITY = -INFINITY;
  __device__ __forceinline__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// Over the 32 lanes of a full warp.
template <class Op>
__device__ __forceinline__ float warp_reduce(float value, Op op) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value = op(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  return value;
}

/// Over a block of BLOCK threads (a multiple of 32) in one dimension. All threads must call it.
template <int BLOCK, class Op>
__device__ __forceinline__ float block_reduce(float value, Op op) {
  static_assert(BLOCK % 32 == 0 && BLOCK <= 1024, "a block of whole warps");
  constexpr int WARPS = BLOCK / 32;
  SHARED(partial, float[WARPS]);
  value = warp_reduce(value, op);
  if (WARPS == 1) return value;
  const int lane = threadIdx.x % 32;
  __syncthreads();  // the last use of `partial` is over
  if (lane == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  return warp_reduce(lane < WARPS ? partial[lane] : Op::IDENTITY, op);
}

}  // namespace assay
