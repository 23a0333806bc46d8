// How fast this device's memory is read: a kernel that does nothing else.
#pragma once

#include <cstddef>

#include "kernels/device/stream.h"

namespace assay {

/// Adds the 32-bit words of `data` (`bytes` of them, a multiple of 16, 16-byte aligned) to *sum, in
/// device memory, modulo 2^32.
void add_words(unsigned* sum, const void* data, std::size_t bytes, const Stream& stream);

}  // namespace assay
