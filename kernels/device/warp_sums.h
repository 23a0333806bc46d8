// Sums of several values over the lanes of a warp, at one shuffle per value instead of five.
#pragma once

#include "kernels/device/kernel.h"

namespace assay {

/// Sums each of COUNT values over LANES lanes that are STRIDE apart, in all such groups of a full
/// warp; COUNT and LANES are powers of two. Lane l returns the sum of
/// values[l / STRIDE % LANES / (LANES / COUNT)]; `values` is used up. Each step halves what a lane
/// still holds: it keeps one half, hands the other to its partner and adds what it gets.
template <int LANES = 32, int STRIDE = 1, int COUNT>
__device__ __forceinline__ float warp_sums(float (&values)[COUNT]) {
  static_assert(COUNT >= 1 && (COUNT & (COUNT - 1)) == 0, "a power of two");
  static_assert(COUNT <= LANES && LANES * STRIDE <= 32 && (LANES & (LANES - 1)) == 0, "a group");
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int offset = LANES / 2 * STRIDE;
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
  for (; offset >= STRIDE; offset /= 2) {
    values[0] += __shfl_xor_sync(0xffffffffu, values[0], offset);
  }
  return values[0];
}

}  // namespace assay
