// v1: the device's own BLAS, whatever the shape.
//
// The yardstick for the other versions. On a GPU cuBLASLt runs on tensor cores and is what prefill
// needs. Limited at small M, where a matrix product is all weight traffic and the library's tiles
// are mostly empty.
#include "kernels/device/blas.h"
#include "kernels/linear/versions.h"

namespace assay {

void launch_linear_v1(const LinearArgs& a, const Stream& stream) {
  gemm_nt(a.y, a.x, a.w, a.bias, a.m, a.n, a.k, a.dtype, stream);
}

}  // namespace assay
