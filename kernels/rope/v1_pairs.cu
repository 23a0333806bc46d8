// v1: one block per token, one pair per thread and step, each pair with its own sine and cosine.
//
// Map: block = token; thread i takes pairs i, i + 256, ... of the (H + G) * D / 2 that its query
// and key heads have. Any even head width, any dtype. Limited by sincosf, repeated in every head,
// and by its 2- or 4-byte accesses.
#include "kernels/device/launch.h"
#include "kernels/rope/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

template <class T>
__global__ void __launch_bounds__(256)
    rope_pairs(T* qkv, const int* positions, const float* inv_freq, int heads, int kv_heads,
               int head_dim) {
  const int half = head_dim / 2;
  const float position = static_cast<float>(positions[blockIdx.x]);
  T* row = qkv + static_cast<std::size_t>(blockIdx.x) * (heads + 2 * kv_heads) * head_dim;
  for (int pair = threadIdx.x; pair < (heads + kv_heads) * half; pair += blockDim.x) {
    const int i = pair % half;
    T* a = row + static_cast<std::size_t>(pair / half) * head_dim + i;
    T* b = a + half;
    float sine;
    float cosine;
    sincosf(position * inv_freq[i], &sine, &cosine);
    const float x = to_float(*a);
    const float y = to_float(*b);
    *a = from_float<T>(x * cosine - y * sine);
    *b = from_float<T>(y * cosine + x * sine);
  }
}

}  // namespace

void launch_rope_v1(const RopeArgs& a, const Stream& stream) {
  const long long pairs = static_cast<long long>(a.heads + a.kv_heads) * (a.head_dim / 2);
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(rope_pairs<T>, {"rope.v1_pairs", dim3(a.tokens), row_threads(pairs)}, stream,
           static_cast<T*>(a.qkv), a.positions, a.inv_freq, a.heads, a.kv_heads, a.head_dim);
  });
}

}  // namespace assay
