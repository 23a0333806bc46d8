// v2: four query rows per block share each key, which is read in 16-byte loads.
//
// Against v1: a quarter of the key traffic and of the conversions to fp32, an eighth (a quarter in
// fp32) of the load instructions, and four loads in flight per thread.
// Map: block = (ROWS query rows, h, b); thread i takes keys i, i + 128, ... whole, so its loads use
// every byte of the sectors they touch. For the softmax, each row belongs to 128 / ROWS threads.
// ROWS is 1 where there is one row, or where four would leave too few blocks per SM.
// Needs ROWS * (S + D) floats of shared memory, D and k_stride in multiples of 16 bytes. Limited by
// fp32 arithmetic (no tensor cores) and, for one query, by B * H blocks.
#include "kernels/attention_scores/versions.h"
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/reduce.h"

namespace assay {
namespace {

constexpr int BLOCK = 128;
constexpr int QUAD = 4;
constexpr int RUN = 4;  // vectors loaded together, and added up before they join the total
using Quad = Vec<float, QUAD>;

/// Over the THREADS neighbours that share a row: a warp or the block.
template <int THREADS, class Op>
__device__ __forceinline__ float reduce_row(float value, Op op) {
  if constexpr (THREADS == 32) {
    return warp_reduce(value, op);
  } else {
    return block_reduce<THREADS>(value, op);
  }
}

/// dot[r] = query r . key, `queries` (ROWS, head_dim) in shared memory.
template <class T, int ROWS>
__device__ __forceinline__ void dot_rows(float (&dot)[ROWS], const Quad* queries, const T* key,
                                         int head_dim) {
  constexpr int VEC = VEC_OF<T>;
#pragma unroll
  for (int r = 0; r < ROWS; ++r) dot[r] = 0.0f;
  const int vectors = head_dim / VEC;
  for (int run = 0; run < vectors; run += RUN) {
    Vec<T, VEC> held[RUN];
#pragma unroll
    for (int u = 0; u < RUN; ++u) {
      if (run + u < vectors) held[u] = reinterpret_cast<const Vec<T, VEC>*>(key)[run + u];
    }
    float part[ROWS] = {};
#pragma unroll
    for (int u = 0; u < RUN; ++u) {
      if (run + u >= vectors) break;
#pragma unroll
      for (int piece = 0; piece < VEC / QUAD; ++piece) {
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
          const Quad query = queries[r * (head_dim / QUAD) + (run + u) * (VEC / QUAD) + piece];
#pragma unroll
          for (int j = 0; j < QUAD; ++j)
            part[r] += query.v[j] * to_float(held[u].v[piece * QUAD + j]);
        }
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r) dot[r] += part[r];
  }
}

template <class T, int ROWS>
__global__ void __launch_bounds__(BLOCK)
    attention_scores_shared_keys(T* p, const T* q, const T* k, const unsigned char* mask, int t_max,
                                 int s, int head_dim, long long k_stride, float scale) {
  const std::size_t t0 = std::size_t{blockIdx.x} * ROWS;
  const int rows = min(ROWS, t_max - static_cast<int>(t0));
  const std::size_t h = blockIdx.y;
  const std::size_t b = blockIdx.z;
  const std::size_t heads = gridDim.y;
  const T* keys = k + (b * heads + h) * k_stride;
  const unsigned char* visible = mask + (b * t_max + t0) * s;  // (rows, S)

  float* queries = dynamic_shared<float>();   // (ROWS, D)
  float* scores = queries + ROWS * head_dim;  // (ROWS, S)
  for (int i = threadIdx.x; i < ROWS * head_dim; i += BLOCK) {
    const int r = i / head_dim;
    const T* row = q + ((b * t_max + t0 + r) * heads + h) * head_dim;
    queries[i] = r < rows ? to_float(row[i % head_dim]) : 0.0f;
  }
  __syncthreads();

  for (int i = threadIdx.x; i < s; i += BLOCK) {
    bool sees[ROWS];
    bool any = false;
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
      sees[r] = r < rows && visible[static_cast<std::size_t>(r) * s + i] != 0;
      any = any || sees[r];
    }
    float dot[ROWS] = {};
    if (any) {
      dot_rows<T, ROWS>(dot, reinterpret_cast<const Quad*>(queries),
                        keys + static_cast<std::size_t>(i) * head_dim, head_dim);
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r) scores[r * s + i] = sees[r] ? dot[r] * scale : -INFINITY;
  }
  __syncthreads();

  constexpr int THREADS = BLOCK / ROWS;  // per row
  const int r = threadIdx.x / THREADS;
  const int first = threadIdx.x % THREADS;
  float* row = scores + r * s;
  float highest = -INFINITY;
  for (int i = first; i < s; i += THREADS) highest = fmaxf(highest, row[i]);
  highest = reduce_row<THREADS>(highest, Max{});
  float sum = 0.0f;
  for (int i = first; i < s; i += THREADS) {
    // Without the test, a row that may see nothing would compute -inf - -inf.
    const float weight = row[i] == -INFINITY ? 0.0f : expf(row[i] - highest);
    row[i] = weight;
    sum += weight;
  }
  sum = reduce_row<THREADS>(sum, Sum{});
  if (r >= rows) return;
  const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
  T* p_row = p + ((b * heads + h) * t_max + t0 + r) * s;
  for (int i = first; i < s; i += THREADS) p_row[i] = from_float<T>(row[i] * inverse);
}

template <int ROWS>
void start(const AttentionScoresArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(attention_scores_shared_keys<T, ROWS>,
           {"attention_scores.v2_shared_keys", dim3(blocks_for(a.t_max, ROWS), a.heads, a.batch),
            dim3(BLOCK), attention_scores_shared_bytes(a, ROWS)},
           stream, static_cast<T*>(a.p), static_cast<const T*>(a.q), static_cast<const T*>(a.k),
           a.mask, a.t_max, a.s, a.head_dim, a.k_stride, a.scale);
  });
}

}  // namespace

void launch_attention_scores_v2(const AttentionScoresArgs& a, const Stream& stream) {
  if (a.t_max > 1 && a.s <= ATTENTION_SCORES_V2_SHARED_S) {
    start<ATTENTION_SCORES_V2_ROWS>(a, stream);
  } else {
    start<1>(a, stream);
  }
}

}  // namespace assay
