#include <algorithm>

#include "kernels/device/cuda/check.h"
#include "kernels/device/cuda/same_bytes.h"
#include "kernels/device/properties.h"

namespace assay::cuda {
namespace {

constexpr unsigned BLOCK = 256;
constexpr int BLOCKS_PER_SM = 8;

// Sets *differ where two ranges of `words` 16-byte words and `tail` bytes after them do.
__global__ void __launch_bounds__(BLOCK)
    find_differing_bytes(unsigned* differ, const uint4* a, const uint4* b, std::size_t words,
                         unsigned tail) {
  const std::size_t first = static_cast<std::size_t>(blockIdx.x) * BLOCK + threadIdx.x;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * BLOCK;
  bool differs = false;
  for (std::size_t i = first; i < words; i += stride) {
    const uint4 x = a[i];
    const uint4 y = b[i];
    differs = differs || x.x != y.x || x.y != y.y || x.z != y.z || x.w != y.w;
  }
  if (first < tail) {
    differs = differs || reinterpret_cast<const unsigned char*>(a + words)[first] !=
                             reinterpret_cast<const unsigned char*>(b + words)[first];
  }
  if (differs) atomicExch(differ, 1u);
}

}  // namespace

void find_difference(unsigned* differ, const void* a, const void* b, std::size_t bytes,
                     const Stream& stream) {
  const std::size_t words = bytes / sizeof(uint4);
  const auto most = static_cast<std::size_t>(BLOCKS_PER_SM * properties().sm_count);
  const std::size_t blocks = std::min(std::max<std::size_t>((words + BLOCK - 1) / BLOCK, 1), most);
  find_differing_bytes<<<static_cast<unsigned>(blocks), BLOCK, 0, stream.native()>>>(
      differ, static_cast<const uint4*>(a), static_cast<const uint4*>(b), words,
      static_cast<unsigned>(bytes % sizeof(uint4)));
  ASSAY_CUDA(cudaGetLastError());
}

}  // namespace assay::cuda
