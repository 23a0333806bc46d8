// launch(): the one way to start a kernel, on either device. It checks errors, counts and logs
// launches, raises the dynamic shared-memory limit and marks an NVTX range.
#pragma once

#include <cstddef>

#include "kernels/device/kernel.h"
#include "kernels/device/stream.h"

#ifndef __CUDACC__
#include <tuple>
#include <utility>
#endif

namespace assay {

/// How a kernel is started. `name` is "<op>.<version>", as reports and fault messages show it.
struct LaunchShape {
  const char* name;
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  // dynamic shared memory

  LaunchShape(const char* name_, dim3 grid_, dim3 block_, std::size_t shared_bytes_ = 0)
      : name(name_), grid(grid_), block(block_), shared_bytes(shared_bytes_) {}
};

#ifdef __CUDACC__

namespace detail {
void before_launch(const void* kernel, const LaunchShape& shape);
void after_launch(const LaunchShape& shape, cudaError_t status, const Stream& stream);
}  // namespace detail

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), const LaunchShape& shape, const Stream& stream,
            Args... args) {
  detail::before_launch(reinterpret_cast<const void*>(kernel), shape);
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream.native();
  const cudaError_t status = cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...);
  detail::after_launch(shape, status, stream);
}

#else

namespace detail {
void enqueue_kernel(const void* kernel, const LaunchShape& shape, const Stream& stream,
                    std::function<void()> thread);
}  // namespace detail

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), const LaunchShape& shape, const Stream& stream,
            Args... args) {
  detail::enqueue_kernel(reinterpret_cast<const void*>(kernel), shape, stream,
                         [kernel, params = std::tuple<Params...>(static_cast<Params>(args)...)] {
                           const auto thread = [kernel](Params... values) {
                             emulated::enter_kernel();
                             kernel(values...);
                           };
                           std::apply(thread, params);
                         });
}

#endif

/// Blocks needed to cover `count` items with `per_block` each.
constexpr unsigned blocks_for(std::size_t count, std::size_t per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

}  // namespace assay
