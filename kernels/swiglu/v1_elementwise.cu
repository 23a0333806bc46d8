// v1: one block per token, one element per thread and step.
//
// The plain transcription, with the accurate expf and an IEEE division.
// Map: block = token; thread i takes elements i, i + 256, ... Any width, any dtype.
// Limited by its 2- or 4-byte accesses, and by too few blocks where tokens are few.
#include "kernels/device/launch.h"
#include "kernels/rows.h"
#include "kernels/swiglu/versions.h"

namespace assay {
namespace {

template <class T>
__global__ void __launch_bounds__(256) swiglu_elementwise(T* y, const T* gate_up, int width) {
  const T* gate = gate_up + static_cast<std::size_t>(blockIdx.x) * 2 * width;
  const T* up = gate + width;
  T* out = y + static_cast<std::size_t>(blockIdx.x) * width;
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    const float z = to_float(gate[i]);
    out[i] = from_float<T>(z / (1.0f + expf(-z)) * to_float(up[i]));
  }
}

}  // namespace

void launch_swiglu_v1(const SwigluArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(swiglu_elementwise<T>, {"swiglu.v1_elementwise", dim3(a.tokens), row_threads(a.width)},
           stream, static_cast<T*>(a.y), static_cast<const T*>(a.gate_up), a.width);
  });
}

}  // namespace assay
