// v2: each angle's sine and cosine once per token, shared by all heads; 16-byte accesses.
//
// Against v1: sincosf runs D / 2 times per token instead of (H + G) * D / 2 times, and memory
// instructions shrink to a quarter or an eighth.
// Map: block = token; its threads first fill tables of D / 2 cosines and sines; then thread (v, h)
// keeps the entries of its vector of pairs in registers and rotates that vector in the heads h,
// h + blockDim.y, ... Needs D / 2 to be a multiple of VEC (16 bytes), 16-byte aligned rows and
// D <= ROPE_V2_MAX_HEAD_DIM. Limited by latency where tokens are few: one block per token.
#include <algorithm>

#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/rope/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 256;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    rope_shared_angles(T* qkv, const int* positions, const float* inv_freq, int heads, int kv_heads,
                       int head_dim) {
  constexpr int VEC = VEC_OF<T>;
  using Vector = Vec<T, VEC>;
  SHARED(cosines, float[ROPE_V2_MAX_HEAD_DIM / 2]);
  SHARED(sines, float[ROPE_V2_MAX_HEAD_DIM / 2]);
  const int half = head_dim / 2;
  const float position = static_cast<float>(positions[blockIdx.x]);
  for (int i = threadIdx.y * blockDim.x + threadIdx.x; i < half; i += blockDim.x * blockDim.y) {
    sincosf(position * inv_freq[i], &sines[i], &cosines[i]);
  }
  __syncthreads();

  const int vectors = blockDim.x;  // half / VEC
  const int v = threadIdx.x;
  float cosine[VEC];
  float sine[VEC];
#pragma unroll
  for (int j = 0; j < VEC; ++j) {
    cosine[j] = cosines[v * VEC + j];
    sine[j] = sines[v * VEC + j];
  }
  Vector* row = reinterpret_cast<Vector*>(qkv) +
                static_cast<std::size_t>(blockIdx.x) * (heads + 2 * kv_heads) * 2 * vectors;
  for (int h = threadIdx.y; h < heads + kv_heads; h += blockDim.y) {
    Vector* head = row + static_cast<std::size_t>(h) * 2 * vectors;
    Vector a = head[v];
    Vector b = head[v + vectors];
#pragma unroll
    for (int j = 0; j < VEC; ++j) {
      const float x = to_float(a.v[j]);
      const float y = to_float(b.v[j]);
      a.v[j] = from_float<T>(x * cosine[j] - y * sine[j]);
      b.v[j] = from_float<T>(y * cosine[j] + x * sine[j]);
    }
    head[v] = a;
    head[v + vectors] = b;
  }
}

}  // namespace

void launch_rope_v2(const RopeArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int vectors = a.head_dim / 2 / VEC_OF<T>;
    const int rows = std::min(BLOCK / vectors, a.heads + a.kv_heads);
    launch(rope_shared_angles<T>, {"rope.v2_shared_angles", dim3(a.tokens), dim3(vectors, rows)},
           stream, static_cast<T*>(a.qkv), a.positions, a.inv_freq, a.heads, a.kv_heads,
           a.head_dim);
  });
}

}  // namespace assay
