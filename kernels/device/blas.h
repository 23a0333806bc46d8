// The device's own BLAS: cuBLASLt on a GPU, OpenBLAS on the emulated device.
#pragma once

#include <cstddef>

#include "kernels/device/dtype.h"
#include "kernels/device/stream.h"

namespace assay {

/// y (m, n) = x (m, k) w (n, k)^T [+ bias (n)], row-major, every operand of `dtype` (fp32, fp16 or
/// bf16), fp32 accumulation. `bias` may be null. Throws Error with the shape where the library
/// refuses.
void gemm_nt(void* y, const void* x, const void* w, const void* bias, int m, int n, int k,
             DType dtype, const Stream& stream);

/// Device memory that the library holds as workspace once it has been used, in bytes.
std::size_t blas_workspace_bytes();

}  // namespace assay
