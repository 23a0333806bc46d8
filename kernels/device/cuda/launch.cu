#include <nvtx3/nvToolsExt.h>

#include <string>

#include "kernels/device/cuda/check.h"
#include "kernels/device/environment.h"
#include "kernels/device/error.h"
#include "kernels/device/launch.h"
#include "kernels/device/launch_log.h"

namespace assay {
namespace detail {
namespace {

constexpr std::size_t DEFAULT_SHARED_LIMIT = 48 * 1024;

// ASSAY_LAUNCH_BLOCKING=1 waits after every launch, so that a fault names its kernel.
bool blocking() {
  static const bool value = environment_number("ASSAY_LAUNCH_BLOCKING", 0, 0, 1) == 1;
  return value;
}

std::string describe(const LaunchShape& s) {
  const auto triple = [](const dim3& d) {
    return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) +
           ")";
  };
  return "kernel " + std::string(s.name) + ", grid " + triple(s.grid) + ", block " +
         triple(s.block) + ", " + std::to_string(s.shared_bytes) +
         " bytes of dynamic shared memory";
}

}  // namespace

void before_launch(const void* kernel, const LaunchShape& shape) {
  nvtxRangePushA(shape.name);
  if (shape.shared_bytes > DEFAULT_SHARED_LIMIT) {
    ASSAY_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)));
  }
  // After the limit was raised: what fits on an SM depends on it.
  log_launch(shape.name, kernel, static_cast<int>(shape.block.x * shape.block.y * shape.block.z),
             shape.shared_bytes);
  cuda::count_launches(1);
}

void after_launch(const LaunchShape& shape, cudaError_t status, const Stream& stream) {
  nvtxRangePop();
  if (status == cudaSuccess) status = cudaGetLastError();
  if (status == cudaSuccess && blocking()) {
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    ASSAY_CUDA(cudaStreamIsCapturing(stream.native(), &capture));
    if (capture == cudaStreamCaptureStatusNone) status = cudaStreamSynchronize(stream.native());
  }
  if (status != cudaSuccess) {
    cudaGetLastError();
    throw Error(describe(shape) + ": " + cudaGetErrorString(status));
  }
}

}  // namespace detail
}  // namespace assay
