// v2: one warp per two rows of w, whose codes it streams in 16-byte loads, for up to 8 rows of x.
//
// Against v1: a sixteenth of the load instructions on codes, each code unpacked once for up to 8
// rows of x, no division per code, and the scale applied once per 16 bytes of codes. Codes become
// fp32 by placing them in the mantissa of 2^23, as integer conversions run at a quarter speed.
// Map: block = (8 rows of w, M rows of x), warp = two of those rows of w; lane i takes 16-byte
// vectors i, i + 32, ... of codes and the x that meets them, then the warp sums over its lanes.
// Needs groups in multiples of 16 bytes of codes (16 of 8 bits, 32 of 4); 16-byte aligned tensors.
// Limited by arithmetic on fp32 and L1 traffic of x as M grows; w is read again every 8 rows of x.
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/warp_sums.h"
#include "kernels/linear/load_once.h"
#include "kernels/linear_quantized/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 128;
constexpr int WARPS = BLOCK / 32;
constexpr int ROWS = LINEAR_QUANTIZED_V2_BLOCK_ROWS / WARPS;
constexpr int UNROLL = 2;

/// 16 bytes of codes.
template <int BITS>
struct Codes {
  static constexpr int COUNT = 128 / BITS;
  static constexpr int PER_WORD = 32 / BITS;
  Vec<unsigned, 4> words;

  /// Code i as fp32, exactly: 2^23 + (code + bias), less 2^23 + bias.
  __device__ __forceinline__ float at(int i) const {
    constexpr unsigned MASK = (1u << BITS) - 1;
    constexpr float BIAS = 8388608.0f + (1 << (BITS - 1));
    unsigned word = words.v[i / PER_WORD];
    if (BITS == 8) word ^= 0x80808080u;  // two's complement to biased; 4-bit codes are already
    return __uint_as_float((word >> (i % PER_WORD * BITS) & MASK) | 0x4B000000u) - BIAS;
  }
};

/// part[r * M + i] += codes[r] . x of row i, over the vector at `offset`.
template <class T, int BITS, int M>
__device__ __forceinline__ void add_products(float (&part)[ROWS * M],
                                             const Codes<BITS> (&codes)[ROWS],
                                             const T* const (&x_rows)[M], unsigned offset) {
  constexpr int VEC = VEC_OF<T>;
#pragma unroll
  for (int e = 0; e < Codes<BITS>::COUNT; e += VEC) {
    float w[ROWS][VEC];
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
#pragma unroll
      for (int j = 0; j < VEC; ++j) w[r][j] = codes[r].at(e + j);
    }
#pragma unroll
    for (int i = 0; i < M; ++i) {
      const Vec<T, VEC> x = *reinterpret_cast<const Vec<T, VEC>*>(x_rows[i] + offset + e);
#pragma unroll
      for (int j = 0; j < VEC; ++j) {
#pragma unroll
        for (int r = 0; r < ROWS; ++r) part[r * M + i] += to_float(x.v[j]) * w[r][j];
      }
    }
  }
}

template <class T, int BITS, int M>
__global__ void __launch_bounds__(BLOCK)
    linear_quantized_vector(T* y, const T* x, const unsigned char* codes, const __half* scales,
                            const T* bias, int m, int n, int k, int group_size) {
  constexpr int COUNT = Codes<BITS>::COUNT;
  const int lane = threadIdx.x % 32;
  const std::size_t row0 = (std::size_t{blockIdx.x} * WARPS + threadIdx.x / 32) * ROWS;
  if (row0 >= static_cast<std::size_t>(n)) return;  // a whole warp
  const int token0 = static_cast<int>(blockIdx.y) * M;
  const unsigned vectors = static_cast<unsigned>(k) / COUNT;
  const unsigned vectors_per_group = static_cast<unsigned>(group_size) / COUNT;

  // Rows past the last repeat it; they are never stored.
  const Codes<BITS>* w_rows[ROWS];
  const __half* row_scales[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; ++r) {
    const std::size_t row = row0 + r < static_cast<std::size_t>(n) ? row0 + r : row0;
    w_rows[r] = reinterpret_cast<const Codes<BITS>*>(codes) + row * vectors;
    row_scales[r] = scales + row * (vectors / vectors_per_group);
  }
  const T* x_rows[M];
#pragma unroll
  for (int i = 0; i < M; ++i) {
    x_rows[i] = x + static_cast<std::size_t>(min(token0 + i, m - 1)) * k;
  }

  float sum[ROWS * M] = {};  // (ROWS, M)
  for (unsigned base = lane; base < vectors; base += 32 * UNROLL) {
    Codes<BITS> held[UNROLL][ROWS];
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        if (base + u * 32 < vectors) held[u][r] = load_once(w_rows[r] + base + u * 32);
      }
    }
#pragma unroll
    for (int u = 0; u < UNROLL; ++u) {
      const unsigned vector = base + u * 32;
      if (vector >= vectors) break;
      float part[ROWS * M] = {};
      add_products<T, BITS, M>(part, held[u], x_rows, vector * COUNT);
      const unsigned group = vector / vectors_per_group;
#pragma unroll
      for (int r = 0; r < ROWS; ++r) {
        const float scale = to_float(row_scales[r][group]);
#pragma unroll
        for (int i = 0; i < M; ++i) sum[r * M + i] += scale * part[r * M + i];
      }
    }
  }

  constexpr int LANES = 32 / (ROWS * M);  // that hold the same total
  const float total = warp_sums(sum);
  const int output = lane / LANES;
  const std::size_t row = row0 + output / M;
  const int token = token0 + output % M;
  if (lane % LANES == 0 && token < m && row < static_cast<std::size_t>(n)) {
    const float offset = bias != nullptr ? to_float(bias[row]) : 0.0f;
    y[static_cast<std::size_t>(token) * n + row] = from_float<T>(total + offset);
  }
}

template <class T, int BITS, int M>
void start(const LinearQuantizedArgs& a, const Stream& stream) {
  launch(linear_quantized_vector<T, BITS, M>,
         {"linear_quantized.v2_vector",
          dim3(blocks_for(a.n, LINEAR_QUANTIZED_V2_BLOCK_ROWS), blocks_for(a.m, M)), dim3(BLOCK)},
         stream, static_cast<T*>(a.y), static_cast<const T*>(a.x), a.codes,
         static_cast<const __half*>(a.scales), static_cast<const T*>(a.bias), a.m, a.n, a.k,
         a.group_size);
}

template <class T, int BITS>
void start_for_m(const LinearQuantizedArgs& a, const Stream& stream) {
  static_assert(LINEAR_QUANTIZED_V2_MAX_M == 8, "the last choice");
  if (a.m == 1) {
    start<T, BITS, 1>(a, stream);
  } else if (a.m == 2) {
    start<T, BITS, 2>(a, stream);
  } else if (a.m <= 4) {
    start<T, BITS, 4>(a, stream);
  } else {
    start<T, BITS, 8>(a, stream);
  }
}

}  // namespace

void launch_linear_quantized_v2(const LinearQuantizedArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    a.bits == 8 ? start_for_m<T, 8>(a, stream) : start_for_m<T, 4>(a, stream);
  });
}

}  // namespace assay
