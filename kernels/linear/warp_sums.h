// Sums of several values over the lanes of a warp, at one shuffle per value instead of five.
#pragma once

#include "kernels/device/kernel.h"

namespace assay {

/// Sums each of COUNT (a power of two, at most 32) values over a full warp. Lane l returns the sum
/// of values[l / (32 / COUNT)]; `values` is used up. Each step halves what a lane still holds: it
/// keeps one half, hands the other to its partner and adds what it gets.
template <int COUNT>
__device__ __forceinline__ float warp_sums(float (&values)[COUNT]) {
  static_assert(COUNT >= 1 && COUNT <= 32 && (COUNT & (COUNT - 1)) == 0, "a power of two");
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int offset = 16;
#pragma unroll
  for (int half = COUNT / 2; half > 0; half /= 2, offset /= 2) {
    const bool upper = (lane & offset) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float kept = upper ? values[i + half] : values[i];
      const float given = upper ? values[i] : values[i + half];
      values[i] = kept + __shfl_xor_sync(0xffffffffu, given, offset);
    }
  }
#pragma unroll
  for (; offset > 0; offset /= 2) values[0] += __shfl_xor_sync(0xffffffffu, values[0], offset);
  return values[0];
}

}  // namespace assay
