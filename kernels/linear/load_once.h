// A 16-byte load of something that is read once, so that it does not push what is reused (the
// activations) out of the caches.
#pragma once

#include <cstring>

#include "kernels/device/kernel.h"

namespace assay {

template <class Vector>
__device__ __forceinline__ Vector load_once(const Vector* from) {
  static_assert(sizeof(Vector) == 16, "one 16-byte access");
#ifdef __CUDACC__
  const uint4 bits = __ldcs(reinterpret_cast<const uint4*>(from));
  Vector to;
  memcpy(&to, &bits, sizeof(to));
  return to;
#else
  return *from;
#endif
}

}  // namespace assay
