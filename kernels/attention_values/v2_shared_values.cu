// v2: four query rows per block share each value, read in 16-byte loads; the slots are split over
// the block.
//
// Against v1: a quarter of the value traffic and conversions, an eighth (a quarter in fp32) of the
// load instructions, and 128 / (D / VEC) slots at a time instead of one.
// Map: block = (ROWS query rows, h, b), cut into lanes of D / VEC threads; lane g takes slots g,
// g + lanes, ..., thread i of it the i-th vector. Lanes are then added up in shared memory, which
// holds element j of all threads' vectors together, in plane j: neighbours store to neighbouring
// banks. (Vector after vector, 8 elements apart, 8 threads met in each bank.)
// Needs D and v_stride in multiples of 16 bytes, D at most 128 vectors. Threads left over where
// D / VEC does not divide 128 idle. Limited by fp32 arithmetic (no tensor cores), by the zeros of a
// causal p, which are multiplied like the rest, and, for one query, by B * H blocks.
#include "kernels/attention_values/versions.h"
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"

namespace assay {
namespace {

constexpr int BLOCK = ATTENTION_VALUES_V2_BLOCK;

template <class T, int ROWS>
__global__ void __launch_bounds__(BLOCK)
    attention_values_shared_values(T* o, const T* p, const T* v, const int* kv_lens, int t_max,
                                   int s, int head_dim, long long v_stride) {
  constexpr int VEC = VEC_OF<T>;
  using Vector = Vec<T, VEC>;
  // Floats from one plane to the next: so many banks apart that VEC neighbours of a row, one in
  // each plane, and the vectors beside them are read from 32 different banks.
  constexpr int PLANE = BLOCK + 32 / VEC;
  SHARED(partial, float[ROWS * VEC * PLANE]);  // (ROWS, VEC, lanes, D / VEC)
  const std::size_t t0 = std::size_t{blockIdx.x} * ROWS;
  const int rows = min(ROWS, t_max - static_cast<int>(t0));
  const std::size_t h = blockIdx.y;
  const std::size_t b = blockIdx.z;
  const std::size_t heads = gridDim.y;
  const int width = head_dim / VEC;
  const int lanes = BLOCK / width;
  const int lane = threadIdx.x / width;
  const int column = threadIdx.x % width;
  const int kv_len = kv_lens[b];
  const Vector* values = reinterpret_cast<const Vector*>(v + (b * heads + h) * v_stride) + column;
  const T* weights[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    // Rows past the last repeat it: cheaper than a test in the loop, and never stored.
    weights[r] = p + ((b * heads + h) * t_max + t0 + min(r, rows - 1)) * s;
  }

  if (lane < lanes) {
    float sum[ROWS][VEC] = {};
#pragma unroll 4
    for (int i = lane; i < kv_len; i += lanes) {
      const Vector value = values[static_cast<std::size_t>(i) * width];
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        const float weight = to_float(weights[r][i]);
#pragma unroll
        for (int j = 0; j < VEC; ++j) sum[r][j] += weight * to_float(value.v[j]);
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
#pragma unroll
      for (int j = 0; j < VEC; ++j) {
        partial[(r * VEC + j) * PLANE + threadIdx.x] = sum[r][j];
      }
    }
  }
  __syncthreads();

  for (int i = threadIdx.x; i < rows * head_dim; i += BLOCK) {
    const int r = i / head_dim;
    const int d = i % head_dim;
    const float* of_lanes = partial + (r * VEC + d % VEC) * PLANE + d / VEC;
    float sum = 0.0f;
    for (int g = 0; g < lanes; ++g) sum += of_lanes[g * width];
    o[((b * t_max + t0 + r) * heads + h) * head_dim + d] = from_float<T>(sum);
  }
}

template <int ROWS>
void start(const AttentionValuesArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(attention_values_shared_values<T, ROWS>,
           {"attention_values.v2_shared_values", dim3(blocks_for(a.t_max, ROWS), a.heads, a.batch),
            dim3(BLOCK)},
           stream, static_cast<T*>(a.o), static_cast<const T*>(a.p), static_cast<const T*>(a.v),
           a.kv_lens, a.t_max, a.s, a.head_dim, a.v_stride);
  });
}

}  // namespace

void launch_attention_values_v2(const AttentionValuesArgs& a, const Stream& stream) {
  if (a.t_max > 1) {
    start<ATTENTION_VALUES_V2_ROWS>(a, stream);
  } else {
    start<1>(a, stream);
  }
}

}  // namespace assay
