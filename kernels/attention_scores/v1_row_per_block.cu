// v1: one block per query row; scores stay in shared memory between the product and the softmax.
//
// The plain transcription, any head width: scores, maximum, exponentials with their sum, quotient.
// Map: block = (t, h, b); thread i takes keys i, i + 128, ... whole, with the query broadcast from
// shared memory.
// Needs (S + D) floats of shared memory. Limited by 2- or 4-byte loads that stride from lane to
// lane, and by reading all keys again for every query.
#include "kernels/attention_scores/versions.h"
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/reduce.h"

namespace assay {
namespace {

constexpr int BLOCK = 128;
constexpr int RUN = 16;  // products added up before they join the total: less rounding error

template <class T>
__global__ void __launch_bounds__(BLOCK)
    attention_scores_row(T* p, const T* q, const T* k, const unsigned char* mask, int s,
                         int head_dim, long long k_stride, float scale) {
  const std::size_t t = blockIdx.x;
  const std::size_t h = blockIdx.y;
  const std::size_t b = blockIdx.z;
  const std::size_t t_max = gridDim.x;
  const std::size_t heads = gridDim.y;
  const int first = threadIdx.x;
  const T* query = q + ((b * t_max + t) * heads + h) * head_dim;
  const T* keys = k + (b * heads + h) * k_stride;
  const unsigned char* visible = mask + (b * t_max + t) * s;
  T* row = p + ((b * heads + h) * t_max + t) * s;

  float* scores = dynamic_shared<float>();  // (S)
  float* q_held = scores + s;               // (D)
  for (int d = first; d < head_dim; d += BLOCK) q_held[d] = to_float(query[d]);
  __syncthreads();

  float highest = -INFINITY;
  for (int i = first; i < s; i += BLOCK) {
    float score = -INFINITY;
    if (visible[i] != 0) {
      const T* key = keys + static_cast<std::size_t>(i) * head_dim;
      float dot = 0.0f;
      for (int run = 0; run < head_dim; run += RUN) {
        float part = 0.0f;
        for (int d = run; d < min(run + RUN, head_dim); ++d) part += q_held[d] * to_float(key[d]);
        dot += part;
      }
      score = dot * scale;
    }
    scores[i] = score;
    highest = fmaxf(highest, score);
  }
  highest = block_reduce<BLOCK>(highest, Max{});

  float sum = 0.0f;
  for (int i = first; i < s; i += BLOCK) {
    // Without the test, a row that may see nothing would compute -inf - -inf.
    const float weight = scores[i] == -INFINITY ? 0.0f : expf(scores[i] - highest);
    scores[i] = weight;
    sum += weight;
  }
  sum = block_reduce<BLOCK>(sum, Sum{});
  const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
  for (int i = first; i < s; i += BLOCK) row[i] = from_float<T>(scores[i] * inverse);
}

}  // namespace

void launch_attention_scores_v1(const AttentionScoresArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(attention_scores_row<T>,
           {"attention_scores.v1_row_per_block", dim3(a.t_max, a.heads, a.batch), dim3(BLOCK),
            attention_scores_shared_bytes(a, 1)},
           stream, static_cast<T*>(a.p), static_cast<const T*>(a.q), static_cast<const T*>(a.k),
           a.mask, a.s, a.head_dim, a.k_stride, a.scale);
  });
}

}  // namespace assay
