// v3: matrix times one vector. One warp per two rows of w, which it streams once in 16-byte loads.
//
// Against v1 and v2: no tile of y to fill, so nothing is wasted, and eight 16-byte loads of w per
// lane are in flight, so it should run at the speed of the memory.
// Map: warp = two rows of w; lane i takes 16-byte vectors i, i + 32, ... of K, then the warp sums
// over its lanes. x is read through L1; two rows share each read.
// Needs M 1 and rows of K that are a multiple of 16 bytes, x and w 16-byte aligned. Limited by too
// few warps where N is small. Taught: with an accumulator for each of M rows of x it loses to v1
// from M 2 on (H200, fp16, 12288 x 4096: 31 us at M 2, 36 at 5, 46 at 8, v1 28; bf16 up to 58).
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/warp_sums.h"
#include "kernels/linear/load_once.h"
#include "kernels/linear/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 128;
constexpr int WARPS = BLOCK / 32;
constexpr int ROWS = LINEAR_V3_BLOCK_ROWS / WARPS;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    linear_vector(T* y, const T* x, const T* w, const T* bias, int n, int k) {
  constexpr int UNROLL = 4;
  constexpr int VEC = VEC_OF<T>;
  using Vector = Vec<T, VEC>;
  const int lane = threadIdx.x % 32;
  const std::size_t row0 = (std::size_t{blockIdx.x} * WARPS + threadIdx.x / 32) * ROWS;
  if (row0 >= static_cast<std::size_t>(n)) return;  // a whole warp
  const unsigned vectors = static_cast<unsigned>(k) / VEC;
  const Vector* x_row = reinterpret_cast<const Vector*>(x);
  const Vector* w_rows[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    // The last warp of an odd N computes its row twice and stores it once.
    const std::size_t row = row0 + r < static_cast<std::size_t>(n) ? row0 + r : row0;
    w_rows[r] = reinterpret_cast<const Vector*>(w) + row * vectors;
  }

  float sum[ROWS] = {};
  for (unsigned base = lane; base < vectors; base += 32 * UNROLL) {
    Vector held[UNROLL][ROWS];
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        if (base + u * 32 < vectors) held[u][r] = load_once(w_rows[r] + base + u * 32);
      }
    }
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      if (base + u * 32 >= vectors) break;
      float x_held[VEC];
      to_floats(x_held, x_row[base + u * 32]);
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        float w_held[VEC];
        to_floats(w_held, held[u][r]);
#pragma unroll
        for (int j = 0; j < VEC; ++j) sum[r] += x_held[j] * w_held[j];
      }
    }
  }

  const float total = warp_sums(sum);
  const std::size_t row = row0 + lane / (32 / ROWS);
  if (lane % (32 / ROWS) == 0 && row < static_cast<std::size_t>(n)) {
    const float offset = bias != nullptr ? to_float(bias[row]) : 0.0f;
    y[row] = from_float<T>(total + offset);
  }
}

}  // namespace

void launch_linear_v3(const LinearArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(linear_vector<T>,
           {"linear.v3_vector", dim3(blocks_for(a.n, LINEAR_V3_BLOCK_ROWS)), dim3(BLOCK)}, stream,
           static_cast<T*>(a.y), static_cast<const T*>(a.x), static_cast<const T*>(a.w),
           static_cast<const T*>(a.bias), a.n, a.k);
  });
}

}  // namespace assay
