// Blocks of a grid that fills the GPU step through memory together, each thread with four 16-byte
// loads in flight: 64 KB and more per SM, beyond what latency times bandwidth asks for.
#include <algorithm>

#include "kernels/device/bandwidth.h"
#include "kernels/device/launch.h"
#include "kernels/device/properties.h"

namespace assay {
namespace {

constexpr int BLOCK = 512;
constexpr int BLOCKS_PER_SM = 4;
constexpr int LOADS = 4;

__device__ __forceinline__ unsigned words_of(uint4 v) { return v.x + v.y + v.z + v.w; }

__global__ void __launch_bounds__(BLOCK)
    add_words_kernel(unsigned* sum, const uint4* data, std::size_t vectors) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * BLOCK;
  std::size_t i = static_cast<std::size_t>(blockIdx.x) * BLOCK + threadIdx.x;
  unsigned total = 0;
  for (; i + (LOADS - 1) * step < vectors; i += LOADS * step) {
    uint4 loaded[LOADS];
#pragma unroll
    for (int j = 0; j < LOADS; ++j) loaded[j] = data[i + j * step];
#pragma unroll
    for (int j = 0; j < LOADS; ++j) total += words_of(loaded[j]);
  }
  for (; i < vectors; i += step) total += words_of(data[i]);
  for (int offset = 16; offset > 0; offset /= 2) {
    total += __shfl_xor_sync(0xffffffffu, total, offset);
  }
  if (threadIdx.x % 32 == 0) atomicAdd(sum, total);
}

}  // namespace

void add_words(unsigned* sum, const void* data, std::size_t bytes, const Stream& stream) {
  const std::size_t vectors = bytes / sizeof(uint4);
  const unsigned most = static_cast<unsigned>(properties().sm_count) * BLOCKS_PER_SM;
  const unsigned blocks = std::clamp(blocks_for(vectors, BLOCK), 1u, most);
  launch(add_words_kernel, LaunchShape("bandwidth.read", dim3(blocks), dim3(BLOCK)), stream, sum,
         static_cast<const uint4*>(data), vectors);
}

}  // namespace assay
