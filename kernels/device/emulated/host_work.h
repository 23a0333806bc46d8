// Library calls that stand in for kernels (OpenBLAS for cuBLAS) take their place in stream order.
#pragma once

#include <functional>

#include "kernels/device/stream.h"

namespace assay::emulated {

/// Runs `work` in stream order, or records it where a graph records. Counts as one launch.
void enqueue_host_work(const Stream& stream, std::function<void()> work);

}  // namespace assay::emulated
