// v1: one thread per element of a query head's (S, D) plane.
//
// Map: grid = (tiles of 256 elements, query head, sequence). Any width, any dtype: elements move as
// raw bits, and zero is all bits zero in every dtype.
// Limited by its 2- or 4-byte accesses, and by doing H / G times the writes that attention over
// the groups themselves would need.
#include "kernels/device/launch.h"
#include "kernels/kv_broadcast/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

constexpr int BLOCK = 256;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    kv_broadcast_flat_copy(T* y, const T* cache, const int* kv_lens, int kv_heads, int s, int s_max,
                           int head_dim) {
  const int heads = gridDim.y;
  const int h = blockIdx.y;
  const int b = blockIdx.z;
  const int g = h / (heads / kv_heads);
  const std::size_t i = static_cast<std::size_t>(blockIdx.x) * BLOCK + threadIdx.x;
  const std::size_t plane = static_cast<std::size_t>(s) * head_dim;
  if (i >= plane) return;
  const bool cached = i < static_cast<std::size_t>(kv_lens[b]) * head_dim;
  const std::size_t to = (static_cast<std::size_t>(b) * heads + h) * plane + i;
  const std::size_t from = (static_cast<std::size_t>(b) * kv_heads + g) * s_max * head_dim + i;
  y[to] = cached ? cache[from] : T{0};
}

}  // namespace

void launch_kv_broadcast_v1(const KvBroadcastArgs& a, const Stream& stream) {
  const std::size_t plane = static_cast<std::size_t>(a.s) * static_cast<std::size_t>(a.head_dim);
  with_raw_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(kv_broadcast_flat_copy<T>,
           {"kv_broadcast.v1_flat_copy", dim3(blocks_for(plane, BLOCK), a.heads, a.batch),
            dim3(BLOCK)},
           stream, static_cast<T*>(a.y), static_cast<const T*>(a.cache), a.kv_lens, a.kv_heads, a.s,
           a.s_max, a.head_dim);
  });
}

}  // namespace assay
