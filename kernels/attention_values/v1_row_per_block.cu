// v1: one block per query row, one output element per thread.
//
// The plain transcription: any shape, and no shared memory.
// Map: block = (t, h, b); thread i takes columns d = i, i + 128, ... and walks the slots, so the
// loads of v are coalesced and those of p are broadcast.
// Limited by 2- or 4-byte loads, by idle threads where D < 128, by reading v again for every query,
// and by one thread's walk over all slots, which nothing else hides when B * H * T is small.
#include "kernels/attention_values/versions.h"
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"

namespace assay {
namespace {

constexpr int BLOCK = 128;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    attention_values_row(T* o, const T* p, const T* v, const int* kv_lens, int s, int head_dim,
                         long long v_stride) {
  const std::size_t t = blockIdx.x;
  const std::size_t h = blockIdx.y;
  const std::size_t b = blockIdx.z;
  const std::size_t t_max = gridDim.x;
  const std::size_t heads = gridDim.y;
  const int kv_len = kv_lens[b];
  const T* weights = p + ((b * heads + h) * t_max + t) * s;
  const T* values = v + (b * heads + h) * v_stride;
  T* out = o + ((b * t_max + t) * heads + h) * head_dim;
  for (int d = threadIdx.x; d < head_dim; d += BLOCK) {
    float sum = 0.0f;
#pragma unroll 8
    for (int i = 0; i < kv_len; ++i) {
      sum += to_float(weights[i]) * to_float(values[static_cast<std::size_t>(i) * head_dim + d]);
    }
    out[d] = from_float<T>(sum);
  }
}

}  // namespace

void launch_attention_values_v1(const AttentionValuesArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(attention_values_row<T>,
           {"attention_values.v1_row_per_block", dim3(a.t_max, a.heads, a.batch), dim3(BLOCK)},
           stream, static_cast<T*>(a.o), static_cast<const T*>(a.p), static_cast<const T*>(a.v),
           a.kv_lens, a.s, a.head_dim, a.v_stride);
  });
}

}  // namespace assay
