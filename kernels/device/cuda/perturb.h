// With ASSAY_PERTURB defined, the warps of a block lose step: before and after every barrier,
// before every shuffle and where a kernel takes its shared memory, about half of them sleep for a
// while. A right kernel stays right; one that lacks a barrier shows it, where on a quiet GPU its
// warps would arrive in the order that it counts on. Only kernels with a deliberate bug are
// compiled so.
#pragma once

namespace assay {
namespace detail {

/// Sleeps for up to some 16 us, or not at all, by warp, block and clock.
__device__ inline void lose_step() {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  unsigned hash = static_cast<unsigned>(clock()) ^ thread / 32 * 0x9E3779B9u ^ block * 0x85EBCA6Bu;
  hash = (hash ^ hash >> 16) * 0x7FEB352Du;  // a multiply-xorshift mix: every bit reaches the top
  hash = (hash ^ hash >> 15) * 0x846CA68Bu;
  if (hash >> 31 != 0) __nanosleep(hash >> 18 & 0x1fff);
}

}  // namespace detail
}  // namespace assay

// A macro is not expanded within itself: the inner names are CUDA's.
#define __syncthreads() \
  (::assay::detail::lose_step(), __syncthreads(), ::assay::detail::lose_step())
#define __shfl_sync(...) (::assay::detail::lose_step(), __shfl_sync(__VA_ARGS__))
#define __shfl_xor_sync(...) (::assay::detail::lose_step(), __shfl_xor_sync(__VA_ARGS__))
#define __shfl_up_sync(...) (::assay::detail::lose_step(), __shfl_up_sync(__VA_ARGS__))
#define __shfl_down_sync(...) (::assay::detail::lose_step(), __shfl_down_sync(__VA_ARGS__))
