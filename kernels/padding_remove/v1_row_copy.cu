// v1: one block per packed row, one element per thread and step.
//
// Map: block = token t; thread i takes elements i, i + 256, ... of row t + padding_offset[t]. Any
// width, any dtype: elements move as raw bits.
// Limited by its 1- to 4-byte accesses.
#include "kernels/device/launch.h"
#include "kernels/padding_remove/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

template <class T>
__global__ void __launch_bounds__(256)
    padding_remove_row_copy(T* y, const T* x, const int* padding_offset, int width) {
  const std::size_t t = blockIdx.x;
  const std::size_t to = t * width;
  const std::size_t from = (t + padding_offset[t]) * width;
  for (int i = threadIdx.x; i < width; i += blockDim.x) y[to + i] = x[from + i];
}

}  // namespace

void launch_padding_remove_v1(const PaddingRemoveArgs& a, const Stream& stream) {
  with_raw_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(padding_remove_row_copy<T>,
           {"padding_remove.v1_row_copy", dim3(a.tokens), row_threads(a.width)}, stream,
           static_cast<T*>(a.y), static_cast<const T*>(a.x), a.padding_offset, a.width);
  });
}

}  // namespace assay
