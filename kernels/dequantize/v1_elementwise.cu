// v1: one block per row, one element per thread and step.
//
// Map: block = row n; thread i takes elements i, i + 256, ... and reads the byte that holds its
// code. Any group size, any dtype.
// Limited by its 1- to 4-byte accesses and a division per element.
#include "kernels/dequantize/versions.h"
#include "kernels/device/launch.h"
#include "kernels/rows.h"

namespace assay {
namespace {

template <class T, int BITS>
__global__ void __launch_bounds__(256)
    dequantize_elementwise(T* w, const unsigned char* codes, const __half* scales, int k,
                           int group_size) {
  constexpr int PER_BYTE = 8 / BITS;
  const std::size_t row = blockIdx.x;
  const unsigned char* code_row = codes + row * (k / PER_BYTE);
  const __half* scale_row = scales + row * (k / group_size);
  for (int i = threadIdx.x; i < k; i += blockDim.x) {
    const int byte = code_row[i / PER_BYTE];
    const int code =
        BITS == 8 ? static_cast<signed char>(byte) : ((byte >> (4 * (i % 2))) & 0xf) - 8;
    const float scale = __half2float(scale_row[i / group_size]);
    w[row * k + i] = from_float<T>(static_cast<float>(code) * scale);
  }
}

}  // namespace

void launch_dequantize_v1(const DequantizeArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(a.bits == 8 ? dequantize_elementwise<T, 8> : dequantize_elementwise<T, 4>,
           {"dequantize.v1_elementwise", dim3(a.n), row_threads(a.k)}, stream, static_cast<T*>(a.w),
           a.codes, static_cast<const __half*>(a.scales), a.k, a.group_size);
  });
}

}  // namespace assay
