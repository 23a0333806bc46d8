// Runs a launch: blocks over the machine's cores, each block's threads as fibers on one core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "kernels/device/emulated/thread.h"

namespace assay::emulated {

/// A kernel ready to run; `thread` is one call of the kernel with its arguments.
struct Launch {
  std::string name;
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  std::function<void()> thread;
};

/// Runs every block to its end. Throws Error with kernel, block, thread and cause if device code
/// did something that has no meaning: see README.md of this folder for the list.
void run(const Launch& launch);

/// Orders of threads between barriers and of blocks in a launch are drawn from this, and from how
/// many launches there have been since it was set: the same launches run the same way again.
void set_seed(std::uint64_t seed);

/// Cores that blocks are spread over: ASSAY_WORKERS, or all.
int worker_count();

}  // namespace assay::emulated
