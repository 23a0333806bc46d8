// The language kernels are written in: CUDA C++, given by nvcc or by the emulated device.
//
// Two words differ from plain CUDA so that the emulated device can poison and guard shared memory:
//   SHARED(tile, float[32][33]);       instead of  __shared__ float tile[32][33];
//   float* row = dynamic_shared<float>();  instead of  extern __shared__ float row[];
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#ifdef __CUDACC__
#ifdef ASSAY_PERTURB
#include "kernels/device/cuda/perturb.h"
#endif

namespace assay {
template <class T, class Tag>
__device__ __forceinline__ T& shared_variable() {
#ifdef ASSAY_PERTURB
  detail::lose_step();
#endif
  __shared__ T storage;
  return storage;
}
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef ASSAY_PERTURB
  detail::lose_step();
#endif
  extern __shared__ __align__(128) unsigned char assay_dynamic_shared[];
  return reinterpret_cast<T*>(assay_dynamic_shared);
}
}  // namespace assay

#define SHARED(name, ...) \
  struct name##_tag;      \
  auto& name = ::assay::shared_variable<__VA_ARGS__, name##_tag>()

#else
#include "kernels/device/emulated/language.h"
#endif
