// v1: one block per sequence; top-k and top-p by radix selection on the bits of the logits.
//
// No sort: both ask for the largest threshold above which enough weight lies, a count for top_k,
// probability for top_p. Four histograms of eight bits find it exactly. Probabilities are exp(x -
// max) in fp32, held as 41-bit integers, so that sums are exact: no order of additions, no thread
// count and no neighbour in the batch can change a token.
// Map: block = sequence; thread i takes logits i, i + BLOCK, ..., and in the draw one run of
// consecutive ones. Limited by atomics on few histogram bins, and by one block per sequence.
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/sampling/philox.h"
#include "kernels/sampling/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 512;
constexpr int BINS = 256;
constexpr unsigned ALL_LANES = 0xffffffffu;
using Wide = unsigned long long;

// Unsigned integers in the order of the floats: -0 equals +0, and NaN is 0, below -infinity.
__device__ __forceinline__ unsigned key_of(float x) {
  const unsigned bits = __float_as_uint(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0;
  if (bits == 0x80000000u) return 0x80000000u;
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// exp(x - max), 1 for the largest itself (infinite or not), 0 for NaN.
__device__ __forceinline__ float relative_probability(float x, float largest) {
  if (x == largest) return 1.0f;
  return x < largest ? expf(x - largest) : 0.0f;
}

// A probability in [0, 1] as an integer, in units of 2^-40.
__device__ __forceinline__ Wide mass_of(float probability) {
  return static_cast<Wide>(probability * 0x1p40f);
}

// The sum of `value` over the threads before this one; `total` becomes that over all.
__device__ __forceinline__ Wide scan_before(Wide value, Wide& total) {
  constexpr int WARPS = BLOCK / 32;
  SHARED(warp_sums, Wide[WARPS]);
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  Wide through = value;
  for (int offset = 1; offset < 32; offset *= 2) {
    const Wide below = __shfl_up_sync(ALL_LANES, through, offset);
    if (lane >= offset) through += below;
  }
  __syncthreads();  // the last use of `warp_sums` is over
  if (lane == 31) warp_sums[warp] = through;
  __syncthreads();
  Wide before = through - value;
  total = 0;
  for (int i = 0; i < WARPS; ++i) {
    if (i < warp) before += warp_sums[i];
    total += warp_sums[i];
  }
  return before;
}

__device__ __forceinline__ Wide block_sum(Wide value) {
  Wide total;
  scan_before(value, total);
  return total;
}

__device__ __forceinline__ Wide block_max(Wide value) {
  SHARED(warp_max, Wide[BLOCK / 32]);
  for (int offset = 16; offset > 0; offset /= 2) {
    const Wide other = __shfl_xor_sync(ALL_LANES, value, offset);
    value = other > value ? other : value;
  }
  if (threadIdx.x % 32 == 0) warp_max[threadIdx.x / 32] = value;
  __syncthreads();
  for (int i = 0; i < BLOCK / 32; ++i) value = warp_max[i] > value ? warp_max[i] : value;
  return value;
}

// The largest key such that the weights of all keys from it on reach `need`, which is at least 1
// and at most the weight of everything. Eight bits a round, from the top: `key` holds the bits
// known so far, and `need` what is left to find among the keys that begin with them.
template <class Weight>
__device__ __forceinline__ unsigned select_key(const float* x, int vocab, Wide need,
                                               Weight weight) {
  SHARED(histogram, Wide[BINS]);
  SHARED(found_digit, unsigned);
  SHARED(found_need, Wide);
  static_assert(BLOCK >= BINS, "a thread per bin");
  unsigned key = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (threadIdx.x < BINS) histogram[threadIdx.x] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < vocab; i += BLOCK) {
      const unsigned candidate = key_of(x[i]);
      if (((candidate ^ key) >> shift) >> 8 == 0) {
        const Wide w = weight(x[i]);
        if (w != 0) atomicAdd(&histogram[(candidate >> shift) % BINS], w);
      }
    }
    __syncthreads();
    // Thread 0 holds the highest digit.
    const unsigned digit = BINS - 1 - threadIdx.x;
    const Wide mine = threadIdx.x < BINS ? histogram[digit] : 0;
    Wide total;
    const Wide above = scan_before(mine, total);
    if (above < need && need <= above + mine) {
      found_digit = digit;
      found_need = need - above;
    }
    __syncthreads();
    key |= found_digit << shift;
    need = found_need;
  }
  return key;
}

// Writes to `token` the first index whose cumulative mass exceeds u * total. `weight` is 0 for
// tokens that are not kept.
template <class Weight>
__device__ __forceinline__ void draw(int* token, const float* x, int vocab, unsigned random,
                                     Weight weight) {
  const int run = (vocab + BLOCK - 1) / BLOCK;
  const int begin = min(static_cast<int>(threadIdx.x) * run, vocab);
  const int end = min(begin + run, vocab);
  Wide sum = 0;
  for (int i = begin; i < end; ++i) sum += weight(x[i]);
  Wide total;
  Wide cumulative = scan_before(sum, total);
  // floor(u * total) for u = r / 2^24, without leaving 64 bits
  const Wide r = random >> 8;
  const Wide target = (total >> 24) * r + (((total & 0xffffff) * r) >> 24);
  if (cumulative > target || cumulative + sum <= target) return;  // another thread's run has it
  int i = begin;
  while ((cumulative += weight(x[i])) <= target) ++i;
  *token = i;
}

template <class T>
__global__ void __launch_bounds__(BLOCK, 2)  // without the 2, ptxas 13.0 spills
    sampling_radix_select(int* tokens, float* workspace, const T* logits,
                          const SamplingParams* params, const int* history, const int* history_lens,
                          int vocab, int history_stride) {
  const int b = blockIdx.x;
  const SamplingParams p = params[b];
  const bool greedy = !(p.temperature > 0.0f);
  const float temperature = greedy ? 1.0f : p.temperature;
  const T* in = logits + static_cast<std::size_t>(b) * vocab;
  float* x = workspace + static_cast<std::size_t>(b) * vocab;
  const int history_length = history_lens[b];

  for (int i = threadIdx.x; i < vocab; i += BLOCK) x[i] = __fdiv_rn(to_float(in[i]), temperature);
  __syncthreads();
  if (p.repetition_penalty != 1.0f) {
    // From the untouched logit, so that a token seen twice is penalised once, whoever writes last.
    const int* seen = history + static_cast<std::size_t>(b) * history_stride;
    for (int i = threadIdx.x; i < history_length; i += BLOCK) {
      const int token = seen[i];
      if (token < 0 || token >= vocab) continue;
      const float logit = to_float(in[token]);
      const float penalised = logit > 0.0f ? __fdiv_rn(logit, p.repetition_penalty)
                                           : __fmul_rn(logit, p.repetition_penalty);
      atomicExch(&x[token], __fdiv_rn(penalised, temperature));
    }
  }
  __syncthreads();

  Wide best = 0;  // key, then the index inverted: the lowest wins among equals
  for (int i = threadIdx.x; i < vocab; i += BLOCK) {
    const Wide candidate = static_cast<Wide>(key_of(x[i])) << 32 | ~static_cast<unsigned>(i);
    best = candidate > best ? candidate : best;
  }
  best = block_max(best);
  const int top = static_cast<int>(~static_cast<unsigned>(best));
  if (greedy || best >> 32 == 0) {  // all NaN: nothing can be drawn
    if (threadIdx.x == 0) tokens[b] = top;
    return;
  }

  const float largest = x[top];
  unsigned lowest = 1;  // the smallest key kept; 0 is NaN
  if (p.top_k > 0 && p.top_k < vocab) {
    lowest = select_key(x, vocab, static_cast<Wide>(p.top_k), [](float) { return Wide{1}; });
  }
  if (p.top_p < 1.0f) {
    const auto mass = [=](float value) {
      return key_of(value) >= lowest ? mass_of(relative_probability(value, largest)) : Wide{0};
    };
    Wide sum = 0;
    for (int i = threadIdx.x; i < vocab; i += BLOCK) sum += mass(x[i]);
    const Wide total = block_sum(sum);
    const double share = ceil(static_cast<double>(total) * static_cast<double>(p.top_p));
    const Wide need = share < 1.0 ? 1 : min(static_cast<Wide>(share), total);
    lowest = select_key(x, vocab, need, mass);
  }
  const float least = fminf(p.min_p, 1.0f);  // the most likely always stays
  const unsigned random =
      philox4x32_10({{static_cast<unsigned>(history_length), 0, 0, 0}},
                    static_cast<unsigned>(p.seed), static_cast<unsigned>(p.seed >> 32))
          .word[0];
  draw(&tokens[b], x, vocab, random, [=](float value) {
    const float probability = relative_probability(value, largest);
    return key_of(value) >= lowest && probability >= least ? mass_of(probability) : Wide{0};
  });
}

}  // namespace

void launch_sampling_v1(const SamplingArgs& a, const Stream& stream) {
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(sampling_radix_select<T>, {"sampling.v1_radix_select", dim3(a.batch), dim3(BLOCK)},
           stream, a.tokens, a.workspace, static_cast<const T*>(a.logits), a.params, a.history,
           a.history_lens, a.vocab, a.history_stride);
  });
}

}  // namespace assay
