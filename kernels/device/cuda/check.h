// Every CUDA call is checked: ASSAY_CUDA throws with file, line and the call's text; the second
// form, for destructors, ends the process with the same words.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace assay::cuda {

[[noreturn]] void throw_error(cudaError_t status, const char* call, const char* file, int line);
[[noreturn]] void terminate_with_error(cudaError_t status, const char* call, const char* file,
                                       int line) noexcept;

/// Selects the GPU on first use. Throws Error where there is no usable one.
void use_device();

/// Counts `n` launches: kernels by launch(), library calls by their wrapper.
void count_launches(std::size_t n);

}  // namespace assay::cuda

#define ASSAY_CUDA(call)                                                   \
  do {                                                                     \
    const cudaError_t assay_status = (call);                               \
    if (assay_status != cudaSuccess) {                                     \
      ::assay::cuda::throw_error(assay_status, #call, __FILE__, __LINE__); \
    }                                                                      \
  } while (false)

#define ASSAY_CUDA_OR_TERMINATE(call)                                               \
  do {                                                                              \
    const cudaError_t assay_status = (call);                                        \
    if (assay_status != cudaSuccess && assay_status != cudaErrorCudartUnloading) {  \
      ::assay::cuda::terminate_with_error(assay_status, #call, __FILE__, __LINE__); \
    }                                                                               \
  } while (false)
