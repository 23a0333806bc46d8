// v2: 64 x 64 tiles of y, with 32-deep slices of x and w staged in shared memory as fp32.
//
// Against a dot product per output, each element is loaded from memory once per tile instead of
// once per output: 64 times less traffic. The next slice is fetched into registers meanwhile.
// Map: block (m tile, n tile) of 256 threads, 4 x 4 outputs each; slices are stored K-major, so a
// thread reads its 4 + 4 operands in two 16-byte accesses. Columns are exchanged by XOR with K, so
// that the transposing stores of a warp fall on 32 different banks (4-way conflicts if scalar).
// Any M, N, K; 16-byte loads where rows of K allow. Limited by fp32 arithmetic: no tensor cores.
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/linear/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 256;
constexpr int TILE = LINEAR_V2_TILE;
constexpr int DEPTH = LINEAR_V2_DEPTH;
constexpr int PER = 4;   // outputs per thread, in each direction
constexpr int RUN = 16;  // products added up before they join the total: less rounding error
using Quad = Vec<float, PER>;
using Slice = Quad[DEPTH][TILE / PER];

/// A thread's share of the TILE rows x DEPTH columns of one operand, on its way to a Slice.
template <class T, int VEC>
struct Share {
  static constexpr int COUNT = TILE * DEPTH / VEC / BLOCK;
  static constexpr int SWIZZLE = VEC < PER ? PER : VEC;
  Vec<T, VEC> held[COUNT];

  static __device__ __forceinline__ int row(int i) {
    return static_cast<int>(threadIdx.x + i * BLOCK) / (DEPTH / VEC);
  }
  static __device__ __forceinline__ int column(int i) {
    return static_cast<int>(threadIdx.x + i * BLOCK) % (DEPTH / VEC) * VEC;
  }
  /// Where rows 4q .. 4q + 3 of column k lie in a Slice.
  static __device__ __forceinline__ int quad(int q, int k) {
    return q ^ k / SWIZZLE * (SWIZZLE / PER);
  }

  /// From `from` (rows, k): rows row0 .. and columns k0 .., zero outside.
  __device__ __forceinline__ void fetch(const T* from, int row0, int k0, int rows, int k) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int r = row0 + row(i);
      const int c = k0 + column(i);
      if (r < rows && c < k) {
        held[i] = *reinterpret_cast<const Vec<T, VEC>*>(from + static_cast<std::size_t>(r) * k + c);
      } else {
#pragma unroll
        for (int j = 0; j < VEC; ++j) held[i].v[j] = from_float<T>(0.0f);
      }
    }
  }

  __device__ __forceinline__ void store(Slice& to) const {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int r = row(i);
      const int c = column(i);
#pragma unroll
      for (int j = 0; j < VEC; ++j)
        to[c + j][quad(r / PER, c + j)].v[r % PER] = to_float(held[i].v[j]);
    }
  }
};

template <class T, int VEC>
__global__ void __launch_bounds__(BLOCK)
    linear_tiled(T* y, const T* x, const T* w, const T* bias, int m, int n, int k) {
  using Operand = Share<T, VEC>;
  SHARED(x_slice, Slice);
  SHARED(w_slice, Slice);
  const int row0 = static_cast<int>(blockIdx.x) * TILE;
  const int column0 = static_cast<int>(blockIdx.y) * TILE;
  const int ty = static_cast<int>(threadIdx.x) / (TILE / PER);
  const int tx = static_cast<int>(threadIdx.x) % (TILE / PER);

  float sum[PER][PER] = {};
  Operand x_next;
  Operand w_next;
  x_next.fetch(x, row0, 0, m, k);
  w_next.fetch(w, column0, 0, n, k);
  for (int k0 = 0; k0 < k; k0 += DEPTH) {
    __syncthreads();  // the previous slices have been used
    x_next.store(x_slice);
    w_next.store(w_slice);
    __syncthreads();
    if (k0 + DEPTH < k) {
      x_next.fetch(x, row0, k0 + DEPTH, m, k);
      w_next.fetch(w, column0, k0 + DEPTH, n, k);
    }
#pragma unroll
    for (int k1 = 0; k1 < DEPTH; k1 += RUN) {
      float part[PER][PER] = {};
#pragma unroll
      for (int kk = k1; kk < k1 + RUN; ++kk) {
        const Quad a = x_slice[kk][Operand::quad(ty, kk)];
        const Quad b = w_slice[kk][Operand::quad(tx, kk)];
#pragma unroll
        for (int i = 0; i < PER; ++i) {
#pragma unroll
          for (int j = 0; j < PER; ++j) part[i][j] += a.v[i] * b.v[j];
        }
      }
#pragma unroll
      for (int i = 0; i < PER; ++i) {
#pragma unroll
        for (int j = 0; j < PER; ++j) sum[i][j] += part[i][j];
      }
    }
  }

#pragma unroll
  for (int j = 0; j < PER; ++j) {
    const int column = column0 + tx * PER + j;
    if (column >= n) continue;
    const float offset = bias != nullptr ? to_float(bias[column]) : 0.0f;
#pragma unroll
    for (int i = 0; i < PER; ++i) {
      const int row = row0 + ty * PER + i;
      if (row < m)
        y[static_cast<std::size_t>(row) * n + column] = from_float<T>(sum[i][j] + offset);
    }
  }
}

}  // namespace

void launch_linear_v2(const LinearArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int VEC = VEC_OF<T>;
    const auto kernel = a.k % VEC == 0 ? linear_tiled<T, VEC> : linear_tiled<T, 1>;
    launch(kernel,
           {"linear.v2_tiled", dim3(blocks_for(a.m, TILE), blocks_for(a.n, TILE)), dim3(BLOCK)},
           stream, static_cast<T*>(a.y), static_cast<const T*>(a.x), static_cast<const T*>(a.w),
           static_cast<const T*>(a.bias), a.m, a.n, a.k);
  });
}

}  // namespace assay
