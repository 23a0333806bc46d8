// Element types in kernels: conversion to and from fp32, 16-byte vectors, and host dispatch on
// DType.
#pragma once

#include <string>

#include "kernels/device/dtype.h"
#include "kernels/device/error.h"
#include "kernels/device/kernel.h"

namespace assay {

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

/// fp32 to T, rounded to nearest even.
template <class T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

/// N elements that one thread loads or stores at once; 16 bytes is the widest access there is.
template <class T, int N>
struct alignas(sizeof(T) * N) Vec {
  T v[N];
};
/// Elements of T in a 16-byte access.
template <class T>
constexpr int VEC_OF = 16 / static_cast<int>(sizeof(T));

/// The elements in fp32. Of a value, not of a reference: what that leads to in memory would be read
/// element by element, in 2-byte loads (H200, fp16, 12288 x 4096 times a vector: 34 us, now 28).
template <class T, int N>
__device__ __forceinline__ void to_floats(float (&x)[N], Vec<T, N> held) {
#pragma unroll
  for (int j = 0; j < N; ++j) x[j] = to_float(held.v[j]);
}
/// A bf16 number is the upper half of its fp32. Element by element, nvcc 13 takes a pair apart into
/// registers of its own first: 90 in place of 56 in linear.v3_vector.
template <int N>
__device__ __forceinline__ void to_floats(float (&x)[N], Vec<__nv_bfloat16, N> held) {
  static_assert(N % 2 == 0, "pairs");
  unsigned pairs[N / 2];
  memcpy(pairs, held.v, sizeof(pairs));
#pragma unroll
  for (int i = 0; i < N / 2; ++i) {
    x[2 * i] = __uint_as_float(pairs[i] << 16);
    x[2 * i + 1] = __uint_as_float(pairs[i] & 0xffff0000u);
  }
}

template <class T>
struct TypeTag {
  using type = T;
};

/// Calls f(TypeTag<T>{}) with the C++ type of a floating `dtype`.
template <class F>
void with_float_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF32:
      return f(TypeTag<float>{});
    case DType::kF16:
      return f(TypeTag<__half>{});
    case DType::kBF16:
      return f(TypeTag<__nv_bfloat16>{});
    default:
      throw Error("kernels compute in fp32, fp16 or bf16, not in " + std::string(name_of(dtype)));
  }
}

}  // namespace assay
