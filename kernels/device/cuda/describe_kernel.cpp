// What the CUDA runtime and driver say of a kernel function.
#include <string>

#include "kernels/device/cuda/check.h"
#include "kernels/device/error.h"
#include "kernels/device/launch_log.h"

namespace assay {
namespace {

struct Threads {
  int per_warp;
  int per_sm;
};

Threads threads() {
  static const Threads instance = [] {
    Threads t{};
    ASSAY_CUDA(cudaDeviceGetAttribute(&t.per_warp, cudaDevAttrWarpSize, 0));
    ASSAY_CUDA(cudaDeviceGetAttribute(&t.per_sm, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
    return t;
  }();
  return instance;
}

}  // namespace

void detail::describe_kernel(LaunchedKernel& launched, const void* kernel) {
  const char* name = nullptr;
  ASSAY_CUDA(cudaFuncGetName(&name, kernel));
  launched.function = name;
  cudaFuncAttributes attributes{};
  ASSAY_CUDA(cudaFuncGetAttributes(&attributes, kernel));
  LoadedKernel loaded;
  loaded.registers = attributes.numRegs;
  loaded.local_bytes = attributes.localSizeBytes;
  loaded.shared_bytes = attributes.sharedSizeBytes;
  ASSAY_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &loaded.blocks_per_sm, kernel, launched.block_threads, launched.dynamic_shared_bytes));
  const int warp = threads().per_warp;
  const int warps = (launched.block_threads + warp - 1) / warp;
  const int most = threads().per_sm / warp;
  loaded.occupancy = static_cast<double>(loaded.blocks_per_sm * warps) / most;
  launched.loaded = loaded;
}

}  // namespace assay
