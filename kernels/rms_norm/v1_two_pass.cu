// v1: one block per row, one element per thread and step, the row read twice.
//
// The plain transcription: sum of squares, then scale. Any width, any dtype.
// Map: block = row; thread i takes elements i, i + 256, ...
// Limited by its 2- or 4-byte loads and by reading x a second time (from L2 for rows that fit).
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/reduce.h"
#include "kernels/rms_norm/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 256;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    rms_norm_two_pass(T* y, const T* x, const T* weight, int width, float eps) {
  const std::size_t row = static_cast<std::size_t>(blockIdx.x) * width;
  float sum = 0.0f;
  for (int i = threadIdx.x; i < width; i += BLOCK) {
    const float value = to_float(x[row + i]);
    sum += value * value;
  }
  sum = block_reduce<BLOCK>(sum, Sum{});
  const float scale = rsqrtf(sum / static_cast<float>(width) + eps);
  for (int i = threadIdx.x; i < width; i += BLOCK) {
    y[row + i] = from_float<T>(to_float(x[row + i]) * scale * to_float(weight[i]));
  }
}

}  // namespace

void launch_rms_norm_v1(const RmsNormArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(rms_norm_two_pass<T>, {"rms_norm.v1_two_pass", dim3(a.rows), dim3(BLOCK)}, stream,
           static_cast<T*>(a.y), static_cast<const T*>(a.x), static_cast<const T*>(a.weight),
           a.width, a.eps);
  });
}

}  // namespace assay
