// CUDA C++ for the host compiler: the qualifiers, indices, barriers, shuffles, atomics and
// intrinsics that kernels use, with the emulated device's meaning. Included by kernel.h only.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#include "kernels/device/emulated/thread.h"

#undef __global__
#undef __device__
#undef __host__
#undef __constant__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)

#define threadIdx (::assay::emulated::this_thread().thread_idx)
#define blockIdx (::assay::emulated::this_thread().block_idx)
#define blockDim (::assay::emulated::this_thread().block_dim)
#define gridDim (::assay::emulated::this_thread().grid_dim)

// So that reports name the line of the kernel that an atomic is on.
#define ASSAY_INLINE __attribute__((always_inline)) inline

namespace assay {

template <class T, class Tag>
T& shared_variable(const char* name) {
  static const char tag = 0;
  return *static_cast<T*>(emulated::shared_variable(&tag, name, sizeof(T), alignof(T)));
}
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(emulated::dynamic_shared());
}

namespace emulated {
template <class T>
std::uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8, "warp operations move at most 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
inline int linear_thread() {
  return static_cast<int>(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
}
template <class T>
T shuffle(unsigned mask, T value, int source_lane, const char* file, int line) {
  return from_bits<T>(warp_collective(sizeof(T) > 4 ? WarpOp::kWideShuffle : WarpOp::kShuffle, mask,
                                      to_bits(value), source_lane, file, line));
}
/// Adds, takes the maximum ... of `*address` by compare-and-swap, as blocks run on several cores.
template <class T, class F>
ASSAY_INLINE T atomic_update(T* address, F&& f) {
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  static_assert(sizeof(T) == sizeof(Bits));
  before_atomic(address, sizeof(T));
  auto* bits = reinterpret_cast<Bits*>(address);
  Bits before = __atomic_load_n(bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(bits, &before,
                                      std::bit_cast<Bits>(f(std::bit_cast<T>(before))), false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
  }
  after_atomic(address);
  return std::bit_cast<T>(before);
}
}  // namespace emulated
}  // namespace assay

#define SHARED(name, ...) \
  struct name##_tag;      \
  auto& name = ::assay::shared_variable<__VA_ARGS__, name##_tag>(#name)

// The default arguments name the place of the call in a kernel, for reports.
#define ASSAY_CALL_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

constexpr int warpSize = 32;

inline void __syncthreads(ASSAY_CALL_SITE) { assay::emulated::block_barrier(file, line); }
inline void __syncwarp(unsigned mask = 0xffffffffu, ASSAY_CALL_SITE) {
  assay::emulated::warp_collective(assay::emulated::WarpOp::kSync, mask, 0, 0, file, line);
}
inline void __threadfence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  assay::emulated::note_fence(false);
}
inline void __threadfence_block() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  assay::emulated::note_fence(true);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, ASSAY_CALL_SITE) {
  const int lane = assay::emulated::linear_thread() % 32;
  const int segment = lane & ~(width - 1);
  return assay::emulated::shuffle(mask, value, segment + (source & (width - 1)), file, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, ASSAY_CALL_SITE) {
  const int lane = assay::emulated::linear_thread() % 32;
  const int source = lane ^ lane_mask;
  const bool inside = (source & ~(width - 1)) <= (lane & ~(width - 1));
  return assay::emulated::shuffle(mask, value, inside ? source : lane, file, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, ASSAY_CALL_SITE) {
  const int lane = assay::emulated::linear_thread() % 32;
  const int source = lane + static_cast<int>(delta);
  const bool inside = source <= (lane | (width - 1));
  return assay::emulated::shuffle(mask, value, inside ? source : lane, file, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, ASSAY_CALL_SITE) {
  const int lane = assay::emulated::linear_thread() % 32;
  const int source = lane - static_cast<int>(delta);
  const bool inside = source >= (lane & ~(width - 1));
  return assay::emulated::shuffle(mask, value, inside ? source : lane, file, line);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, ASSAY_CALL_SITE) {
  return static_cast<unsigned>(assay::emulated::warp_collective(
      assay::emulated::WarpOp::kBallot, mask, predicate != 0, 0, file, line));
}
inline int __any_sync(unsigned mask, int predicate, ASSAY_CALL_SITE) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, ASSAY_CALL_SITE) {
  return __ballot_sync(mask, predicate, file, line) == mask;
}
#undef ASSAY_CALL_SITE

template <class T>
ASSAY_INLINE T atomicAdd(T* address, T value) {
  return assay::emulated::atomic_update(address,
                                        [=](T old) { return static_cast<T>(old + value); });
}
template <class T>
ASSAY_INLINE T atomicMax(T* address, T value) {
  return assay::emulated::atomic_update(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
ASSAY_INLINE T atomicMin(T* address, T value) {
  return assay::emulated::atomic_update(address, [=](T old) { return value < old ? value : old; });
}
template <class T>
ASSAY_INLINE T atomicExch(T* address, T value) {
  return assay::emulated::atomic_update(address, [=](T) { return value; });
}
template <class T>
ASSAY_INLINE T atomicCAS(T* address, T compare, T value) {
  return assay::emulated::atomic_update(address,
                                        [=](T old) { return old == compare ? value : old; });
}

#undef ASSAY_INLINE

template <class T>
T __ldg(const T* address) {
  return *address;
}

// CUDA's bit reinterpretations, integer intrinsics and fast arithmetic; fast forms are exact here.
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
using std::fmaxf;
using std::fminf;
using std::isnan;
using std::max;
using std::min;
