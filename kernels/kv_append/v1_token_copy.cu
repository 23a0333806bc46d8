// v1: one block per token, one element of a key and of a value per thread and step.
//
// Map: block = token; thread i takes elements i, i + 256, ... of the G * D that its key heads have,
// and the same of its value heads. Any width, any dtype: elements move as raw bits.
// Limited by its 2- or 4-byte accesses and a division per element.
#include "kernels/device/launch.h"
#include "kernels/kv_append/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

template <class T>
__global__ void __launch_bounds__(256)
    kv_append_token_copy(T* k_cache, T* v_cache, const T* qkv, const int* positions,
                         const int* padding_offset, int t_max, int heads, int kv_heads, int s_max,
                         int head_dim) {
  const int t = blockIdx.x;
  const int b = (t + padding_offset[t]) / t_max;
  const int position = positions[t];
  const int kv_width = kv_heads * head_dim;
  const T* k = qkv + static_cast<std::size_t>(t) * (heads + 2 * kv_heads) * head_dim +
               static_cast<std::size_t>(heads) * head_dim;
  const T* v = k + kv_width;
  for (int i = threadIdx.x; i < kv_width; i += blockDim.x) {
    const int g = i / head_dim;
    const std::size_t slot = (static_cast<std::size_t>(b) * kv_heads + g) * s_max + position;
    const std::size_t to = slot * head_dim + i % head_dim;
    k_cache[to] = k[i];
    v_cache[to] = v[i];
  }
}

}  // namespace

void launch_kv_append_v1(const KvAppendArgs& a, const Stream& stream) {
  const long long kv_width = static_cast<long long>(a.kv_heads) * a.head_dim;
  with_raw_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(kv_append_token_copy<T>,
           {"kv_append.v1_token_copy", dim3(a.tokens), row_threads(kv_width)}, stream,
           static_cast<T*>(a.k_cache), static_cast<T*>(a.v_cache), static_cast<const T*>(a.qkv),
           a.positions, a.padding_offset, a.t_max, a.heads, a.kv_heads, a.s_max, a.head_dim);
  });
}

}  // namespace assay
