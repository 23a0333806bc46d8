// The kernel behind same_bytes() of stream.h.
#pragma once

#include <cstddef>

#include "kernels/device/stream.h"

namespace assay::cuda {

/// Queues: *differ, in device memory, becomes 1 if `a` and `b` differ in any of `bytes` bytes.
void find_difference(unsigned* differ, const void* a, const void* b, std::size_t bytes,
                     const Stream& stream);

}  // namespace assay::cuda
