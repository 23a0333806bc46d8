// v3: one query row. A block takes a slice of a head's columns, and all its threads the slots.
//
// Against v2, which gives a head one block of 128 threads: D / VEC / 4 blocks a head, so that 32
// heads of 128 columns fill 128 SMs, and 16 or 32 KB of values in flight in each.
// Map: block = (slice of COLUMNS vectors, h, b); thread i takes vector i % COLUMNS of slots
// i / COLUMNS, + LANES, ...: 64 bytes of each row, two whole sectors. A warp's slots are added up
// by shuffles, then the warps' sums in shared memory. LANES is 64, or 128 for a long context.
// Needs T_max 1, and D and v_stride in multiples of 16 bytes. The row of p is read by each slice.
// Limited, where B * H is large, by the memory; where it is small, by too few threads.
#include "kernels/attention_values/versions.h"
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/warp_sums.h"

namespace assay {
namespace {

constexpr int COLUMNS = ATTENTION_VALUES_V3_COLUMNS;
constexpr int UNROLL = ATTENTION_VALUES_V3_UNROLL;

template <class T, int LANES>
__global__ void __launch_bounds__(COLUMNS* LANES)
    attention_values_sliced_columns(T* o, const T* p, const T* v, const int* kv_lens, int s,
                                    int head_dim, long long v_stride) {
  constexpr int VEC = VEC_OF<T>;
  constexpr int WARPS = COLUMNS * LANES / 32;
  using Vector = Vec<T, VEC>;
  SHARED(partial, float[WARPS][COLUMNS * VEC]);
  const std::size_t h = blockIdx.y;
  const std::size_t b = blockIdx.z;
  const std::size_t head = b * gridDim.y + h;
  const int width = head_dim / VEC;
  const int first = blockIdx.x * COLUMNS;  // vector of a row with which the slice begins
  const int column = threadIdx.x % COLUMNS;
  const int lane = threadIdx.x / COLUMNS;
  const int kv_len = first + column < width ? kv_lens[b] : 0;
  const T* weights = p + head * s;
  const Vector* values = reinterpret_cast<const Vector*>(v + head * v_stride) + first + column;

  float sum[VEC] = {};
  for (int base = lane; base < kv_len; base += LANES * UNROLL) {
    Vector held[UNROLL];
    float weight[UNROLL];
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      const int i = base + u * LANES;
      if (i >= kv_len) break;
      held[u] = values[static_cast<std::size_t>(i) * width];
      weight[u] = to_float(weights[i]);
    }
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      if (base + u * LANES >= kv_len) break;
      float value[VEC];
      to_floats(value, held[u]);
#pragma unroll
      for (int j = 0; j < VEC; ++j) sum[j] += weight[u] * value[j];
    }
  }
  constexpr int SLOTS = 32 / COLUMNS;  // of a warp
  const float of_warp = warp_sums<SLOTS, COLUMNS>(sum);
  const int slot = lane % SLOTS;
  if (slot % (SLOTS / VEC) == 0) {
    partial[threadIdx.x / 32][column * VEC + slot / (SLOTS / VEC)] = of_warp;
  }
  __syncthreads();

  const int d = first * VEC + threadIdx.x;
  if (threadIdx.x < COLUMNS * VEC && d < head_dim) {
    float total = 0.0f;
#pragma unroll
    for (int warp = 0; warp < WARPS; ++warp) total += partial[warp][threadIdx.x];
    o[head * head_dim + d] = from_float<T>(total);
  }
}

template <int LANES>
void start(const AttentionValuesArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(attention_values_sliced_columns<T, LANES>,
           {"attention_values.v3_sliced_columns",
            dim3(blocks_for(a.head_dim, COLUMNS * VEC_OF<T>), a.heads, a.batch),
            dim3(COLUMNS * LANES)},
           stream, static_cast<T*>(a.o), static_cast<const T*>(a.p), static_cast<const T*>(a.v),
           a.kv_lens, a.s, a.head_dim, a.v_stride);
  });
}

}  // namespace

void launch_attention_values_v3(const AttentionValuesArgs& a, const Stream& stream) {
  if (a.s > ATTENTION_VALUES_V3_LONG_S) {
    start<2 * ATTENTION_VALUES_V3_LANES>(a, stream);
  } else {
    start<ATTENTION_VALUES_V3_LANES>(a, stream);
  }
}

}  // namespace assay
