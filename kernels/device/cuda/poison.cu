#include <mutex>

#include "kernels/device/cuda/check.h"
#include "kernels/device/poison.h"
#include "kernels/device/properties.h"

namespace assay {
namespace {

constexpr unsigned BLOCK = 1024;
constexpr unsigned STAY_NS = 5000;  // longer than it takes to give every SM its block

__global__ void __launch_bounds__(BLOCK) poison_shared(unsigned words) {
  extern __shared__ unsigned poisoned[];
  volatile unsigned* to = poisoned;  // nobody reads it: the stores must stay all the same
  for (unsigned i = threadIdx.x; i < words; i += BLOCK) to[i] = 0xFFFFFFFFu;
  __nanosleep(STAY_NS);
}

}  // namespace

void poison_shared_memory(const Stream& stream) {
  if (!poisons_memory()) return;
  // A block that takes all shared memory has its SM to itself.
  const std::size_t bytes = properties().shared_bytes_per_block;
  static std::once_flag once;
  std::call_once(once, [&] {
    ASSAY_CUDA(cudaFuncSetAttribute(poison_shared, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(bytes)));
  });
  poison_shared<<<static_cast<unsigned>(2 * properties().sm_count), BLOCK, bytes,
                  stream.native()>>>(static_cast<unsigned>(bytes / sizeof(unsigned)));
  ASSAY_CUDA(cudaGetLastError());
}

}  // namespace assay
