#include <algorithm>
#include <cstdio>
#include <mutex>
#include <string>
#include <unordered_map>

#include "kernels/device/buffer.h"
#include "kernels/device/cuda/check.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"

namespace assay {
namespace {

struct Memory {
  std::mutex mutex;
  std::unordered_map<void*, std::size_t> bytes;
  MemoryStats stats;
};

Memory& memory() {
  static auto* instance = new Memory;  // outlives every static DeviceBuffer
  return *instance;
}

}  // namespace

void* detail::allocate(std::size_t bytes, const std::string& name) {
  cuda::use_device();
  void* data = nullptr;
  const std::size_t asked = std::max<std::size_t>(bytes, 1);
  const cudaError_t status = cudaMalloc(&data, asked);
  if (status != cudaSuccess) {
    cudaGetLastError();
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    cudaMemGetInfo(&free_bytes, &total_bytes);
    throw Error("out of memory: asked for " + std::to_string(bytes) + " bytes for buffer '" + name +
                "' on " + properties().name + ": " + cudaGetErrorString(status) + "; " +
                std::to_string(free_bytes) + " of " + std::to_string(total_bytes) +
                " bytes are free");
  }
  // NaN in every floating type, so that a read of memory never written shows here too.
  if (poisons_memory()) ASSAY_CUDA(cudaMemset(data, 0xFF, asked));
  ASSAY_CUDA(cudaStreamSynchronize(nullptr));
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  m.bytes[data] = bytes;
  m.stats.live_bytes += bytes;
  m.stats.allocations += 1;
  m.stats.peak_bytes = std::max(m.stats.peak_bytes, m.stats.live_bytes);
  return data;
}

void detail::deallocate(void* data) noexcept {
  if (data == nullptr) return;
  {
    Memory& m = memory();
    const std::lock_guard lock(m.mutex);
    m.stats.live_bytes -= m.bytes[data];
    m.bytes.erase(data);
  }
  ASSAY_CUDA_OR_TERMINATE(cudaFree(data));
}

MemoryStats memory_stats() {
  const std::lock_guard lock(memory().mutex);
  return memory().stats;
}
void reset_memory_stats() {
  const std::lock_guard lock(memory().mutex);
  MemoryStats& stats = memory().stats;
  stats.peak_bytes = stats.live_bytes;
  stats.allocations = 0;
}

}  // namespace assay
