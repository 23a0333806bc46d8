// v1: one block per padded row, one element per thread and step.
//
// Map: block = row b * T_max + j; thread i takes elements i, i + 256, ...: from packed row
// cu_q_lens[b] + j where j is a token, else zero. Any width, any dtype: elements move as raw bits,
// and zero is all bits zero in every dtype.
// Limited by its 1- to 4-byte accesses.
#include "kernels/device/launch.h"
#include "kernels/padding_restore/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

template <class T>
__global__ void __launch_bounds__(256)
    padding_restore_row_copy(T* y, const T* x, const int* cu_q_lens, int t_max, int width,
                             int x_stride) {
  const int b = blockIdx.x / t_max;
  const int j = blockIdx.x % t_max;
  const int start = cu_q_lens[b];
  const bool is_token = j < cu_q_lens[b + 1] - start;
  const std::size_t to = static_cast<std::size_t>(blockIdx.x) * width;
  const std::size_t from = (static_cast<std::size_t>(start) + j) * x_stride;
  for (int i = threadIdx.x; i < width; i += blockDim.x) y[to + i] = is_token ? x[from + i] : T{0};
}

}  // namespace

void launch_padding_restore_v1(const PaddingRestoreArgs& a, const Stream& stream) {
  with_raw_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(padding_restore_row_copy<T>,
           {"padding_restore.v1_row_copy", dim3(a.batch * a.t_max), row_threads(a.width)}, stream,
           static_cast<T*>(a.y), static_cast<const T*>(a.x), a.cu_q_lens, a.t_max, a.width,
           a.x_stride);
  });
}

}  // namespace assay
