// What a kernel finds in shared memory that it has not written.
#pragma once

#include "kernels/device/stream.h"

namespace assay {

/// Fills the shared memory of every SM with 0xFF bytes (NaN in every floating type), in stream
/// order, so that a kernel that reads what it has not written does not find what an earlier one
/// left. Nothing where poisons_memory() is false, and on the emulated device, which does so before
/// every block.
void poison_shared_memory(const Stream& stream);

}  // namespace assay
