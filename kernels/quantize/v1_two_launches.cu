// v1: scales first, one warp per group; then codes, one byte per thread and step.
//
// Two launches, so that a group may have any size, odd ones with two groups in one byte too.
// Map of both: block = row n. Scales: warp i takes groups i, i + 8, ..., lane l the elements l,
// l + 32, ... of each. Codes: thread i takes bytes i, i + 256, ...
// Limited by reading w twice in 2- or 4-byte loads; weights are quantized once, at load.
#include "kernels/device/launch.h"
#include "kernels/device/reduce.h"
#include "kernels/quantize/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

constexpr int BLOCK = 256;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    quantize_scales(__half* scales, const T* w, int k, int group_size, float qmax) {
  const int groups = k / group_size;
  for (int group = threadIdx.x / 32; group < groups; group += BLOCK / 32) {
    const T* of_group =
        w + static_cast<std::size_t>(blockIdx.x) * k + static_cast<std::size_t>(group) * group_size;
    float largest = 0.0f;
    for (int i = threadIdx.x % 32; i < group_size; i += 32) {
      largest = fmaxf(largest, fabsf(to_float(of_group[i])));
    }
    largest = warp_reduce(largest, Max{});
    if (threadIdx.x % 32 == 0) {
      scales[static_cast<std::size_t>(blockIdx.x) * groups + group] =
          __float2half_rn(__fdiv_rn(largest, qmax));
    }
  }
}

// The code of w under `scale`, in [-qmax, qmax]. IEEE division, ties to even: the same everywhere.
__device__ __forceinline__ int code_of(float w, float scale, float qmax) {
  if (scale == 0.0f) return 0;
  return static_cast<int>(fminf(fmaxf(rintf(__fdiv_rn(w, scale)), -qmax), qmax));
}

template <class T, int BITS>
__global__ void __launch_bounds__(BLOCK)
    quantize_codes(unsigned char* codes, const __half* scales, const T* w, int k, int group_size) {
  constexpr float QMAX = BITS == 8 ? 127.0f : 7.0f;
  constexpr int PER_BYTE = 8 / BITS;
  const int bytes = k / PER_BYTE;
  const std::size_t row = blockIdx.x;
  const T* w_row = w + row * k;
  const __half* scale_row = scales + row * (k / group_size);
  for (int i = threadIdx.x; i < bytes; i += BLOCK) {
    unsigned byte = 0;
#pragma unroll
    for (int j = 0; j < PER_BYTE; ++j) {
      const int column = i * PER_BYTE + j;
      const float scale = __half2float(scale_row[column / group_size]);
      const int code = code_of(to_float(w_row[column]), scale, QMAX);
      byte |= BITS == 8 ? static_cast<unsigned>(code) & 0xffu
                        : static_cast<unsigned>(code + 8) << (4 * j);
    }
    codes[row * bytes + i] = static_cast<unsigned char>(byte);
  }
}

}  // namespace

void launch_quantize_v1(const QuantizeArgs& a, const Stream& stream) {
  __half* scales = static_cast<__half*>(a.scales);
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* w = static_cast<const T*>(a.w);
    launch(quantize_scales<T>, {"quantize.v1_two_launches.scales", dim3(a.n), dim3(BLOCK)}, stream,
           scales, w, a.k, a.group_size, a.bits == 8 ? 127.0f : 7.0f);
    launch(a.bits == 8 ? quantize_codes<T, 8> : quantize_codes<T, 4>,
           {"quantize.v1_two_launches.codes", dim3(a.n), dim3(BLOCK)}, stream, a.codes, scales, w,
           a.k, a.group_size);
  });
}

}  // namespace assay
