// v1: one warp per output, one code per lane and step.
//
// The plain transcription: each code is dequantized where it is used. Any shape, group size and
// bit width that the contract allows.
// Map: outputs numbered w-row first (n * M + m), one per warp, so the warps of a block share rows
// of w; lane i takes k = i, i + 32, ...
// Limited by 1-byte loads, a division per code for its group, and, for M > 1, by dequantizing each
// row of w M times.
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/reduce.h"
#include "kernels/linear_quantized/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 128;
constexpr int WARPS = BLOCK / 32;

/// The code of element k of a row, as a signed integer.
template <int BITS>
__device__ __forceinline__ int code_at(const unsigned char* row, int k) {
  if (BITS == 8) return static_cast<signed char>(row[k]);
  return (row[k / 2] >> (k % 2 * 4) & 15) - 8;
}

template <class T, int BITS>
__global__ void __launch_bounds__(BLOCK)
    linear_quantized_warp(T* y, const T* x, const unsigned char* codes, const __half* scales,
                          const T* bias, int m, int n, int k, int group_size) {
  const int lane = threadIdx.x % 32;
  const std::size_t output = std::size_t{blockIdx.x} * WARPS + threadIdx.x / 32;
  if (output >= static_cast<std::size_t>(m) * n) return;  // a whole warp
  const std::size_t row = output / m;
  const std::size_t token = output % m;
  const unsigned char* w_row = codes + row * (static_cast<std::size_t>(k) * BITS / 8);
  const __half* row_scales = scales + row * (k / group_size);
  const T* x_row = x + token * k;

  float sum = 0.0f;
#pragma unroll 4
  for (int i = lane; i < k; i += 32) {
    const float w = static_cast<float>(code_at<BITS>(w_row, i)) *
                    to_float(row_scales[i / group_size]);  // exact: 8 bits times 11
    sum += to_float(x_row[i]) * w;
  }
  sum = warp_reduce(sum, Sum{});
  if (lane == 0) {
    const float offset = bias != nullptr ? to_float(bias[row]) : 0.0f;
    y[token * n + row] = from_float<T>(sum + offset);
  }
}

}  // namespace

void launch_linear_quantized_v1(const LinearQuantizedArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = a.bits == 8 ? linear_quantized_warp<T, 8> : linear_quantized_warp<T, 4>;
    launch(kernel,
           {"linear_quantized.v1_warp_per_output",
            dim3(blocks_for(static_cast<std::size_t>(a.m) * a.n, WARPS)), dim3(BLOCK)},
           stream, static_cast<T*>(a.y), static_cast<const T*>(a.x), a.codes,
           static_cast<const __half*>(a.scales), static_cast<const T*>(a.bias), a.m, a.n, a.k,
           a.group_size);
  });
}

}  // namespace assay
