// v3: one query row. A few neighbouring lanes share each key, in a block of 1024 or 512 threads.
//
// Against v2, which gives one query 128 threads, each with a whole key: 64 KB of keys in flight per
// block in place of 8, and loads in whole sectors of neighbouring lanes.
// Map: block = (h, b), cut into groups of LANES threads, the power of two that holds D / VEC
// vectors; group g takes keys g, g + groups, ..., lane i the i-th vector, four keys at a time. All
// groups take as many steps, so that shuffles find their warps whole. Where blocks outnumber SMs,
// two small ones share an SM, one reading while the other waits; the sums are the same to the bit.
// Needs T_max 1, S + D floats of shared memory, D of at most 32 vectors of 16 bytes, and k_stride
// in multiples of them. Limited by one SM for a head: for few heads, its issue rate.
#include "kernels/attention_scores/versions.h"
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/reduce.h"
#include "kernels/device/warp_sums.h"

namespace assay {
namespace {

constexpr int UNROLL = ATTENTION_SCORES_V3_UNROLL;
constexpr int ADDERS = ATTENTION_SCORES_V3_BLOCK / 2;  // that add up exponentials, in any block

template <class T, int LANES, int BLOCK>
__global__ void __launch_bounds__(BLOCK, ATTENTION_SCORES_V3_BLOCK / BLOCK)
    attention_scores_lanes_per_key(T* p, const T* q, const T* k, const unsigned char* mask, int s,
                                   int head_dim, long long k_stride, float scale) {
  constexpr int VEC = VEC_OF<T>;
  constexpr int GROUPS = BLOCK / LANES;
  using Vector = Vec<T, VEC>;
  const std::size_t h = blockIdx.x;
  const std::size_t b = blockIdx.y;
  const std::size_t head = b * gridDim.x + h;
  const int lane = threadIdx.x % LANES;
  const int group = threadIdx.x / LANES;
  const int vectors = head_dim / VEC;
  const bool holds = lane < vectors;
  const Vector* keys = reinterpret_cast<const Vector*>(k + head * k_stride) + lane;
  const unsigned char* visible = mask + b * s;

  float* scores = dynamic_shared<float>();  // (S)
  float query[VEC] = {};
  if (holds) to_floats(query, reinterpret_cast<const Vector*>(q + head * head_dim)[lane]);

  float highest = -INFINITY;
  const int own = lane / (LANES / UNROLL);  // of the keys in flight, the one whose sum it gets
  for (int base = group; base - group < s; base += GROUPS * UNROLL) {
    bool sees[UNROLL];
    bool sees_own = false;
    Vector held[UNROLL];
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      const int i = base + u * GROUPS;
      sees[u] = i < s && visible[i] != 0;
      if (u == own) sees_own = sees[u];
    }
    const Vector* key = keys + static_cast<std::size_t>(base) * vectors;
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      if (sees[u] && holds) held[u] = *key;
      key += GROUPS * vectors;
    }
    float dot[UNROLL] = {};
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      if (!sees[u] || !holds) continue;
      float key_held[VEC];
      to_floats(key_held, held[u]);
#pragma unroll
      for (int j = 0; j < VEC; ++j) dot[u] += query[j] * key_held[j];
    }
    const float total = warp_sums<LANES>(dot);
    const float score = sees_own ? total * scale : -INFINITY;
    const int i = base + own * GROUPS;
    if (lane % (LANES / UNROLL) == 0 && i < s) scores[i] = score;
    highest = fmaxf(highest, score);
  }
  highest = block_reduce<BLOCK>(highest, Max{});

  float sum = 0.0f;
  for (int i = threadIdx.x < ADDERS ? threadIdx.x : s; i < s; i += ADDERS) {
    // Without the test, a row that may see nothing would compute -inf - -inf.
    const float weight = scores[i] == -INFINITY ? 0.0f : expf(scores[i] - highest);
    scores[i] = weight;
    sum += weight;
  }
  sum = block_reduce<BLOCK>(sum, Sum{});
  const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
  T* row = p + head * s;
  for (int i = threadIdx.x; i < s; i += BLOCK) row[i] = from_float<T>(scores[i] * inverse);
}

template <int LANES, int BLOCK>
void start(const AttentionScoresArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(attention_scores_lanes_per_key<T, LANES, BLOCK>,
           {"attention_scores.v3_lanes_per_key", dim3(a.heads, a.batch), dim3(BLOCK),
            attention_scores_shared_bytes(a, 1)},
           stream, static_cast<T*>(a.p), static_cast<const T*>(a.q), static_cast<const T*>(a.k),
           a.mask, a.s, a.head_dim, a.k_stride, a.scale);
  });
}

template <int BLOCK>
void start_block(const AttentionScoresArgs& a, const Stream& stream) {
  const std::size_t vectors = static_cast<std::size_t>(a.head_dim) * size_of(a.dtype) / 16;
  if (vectors <= 8) {
    start<8, BLOCK>(a, stream);
  } else if (vectors <= 16) {
    start<16, BLOCK>(a, stream);
  } else {
    start<32, BLOCK>(a, stream);
  }
}

}  // namespace

void launch_attention_scores_v3(const AttentionScoresArgs& a, const Stream& stream) {
  if (static_cast<long long>(a.heads) * a.batch <= ATTENTION_SCORES_V3_WIDE_BLOCKS) {
    start_block<ATTENTION_SCORES_V3_BLOCK>(a, stream);
  } else {
    start_block<ATTENTION_SCORES_V3_BLOCK / 2>(a, stream);
  }
}

}  // namespace assay
