// What one emulated CUDA thread sees: where it stands, and how it meets its block and warp.
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <cstdint>

namespace assay::emulated {

/// Coordinates of the thread that is running; the scheduler owns the rest of its state.
struct ThreadIndices {
  uint3 thread_idx;
  uint3 block_idx;
  dim3 block_dim;
  dim3 grid_dim;
};

extern __thread ThreadIndices* current_indices;  // null outside device code

inline const ThreadIndices& this_thread() { return *current_indices; }

enum class WarpOp : std::uint8_t { kSync, kShuffle, kBallot };

/// Waits until every thread of the block has arrived. A barrier that not all reach, or that they
/// reach at different places, ends the launch with a report.
void block_barrier(const char* file, int line);

/// Waits until every lane in `mask` has arrived, then answers: kShuffle, the `value` of lane
/// `source_lane` (poison if it is not in the mask); kBallot, a bit for each lane whose value is
/// not 0; kSync, 0.
std::uint64_t warp_collective(WarpOp op, unsigned mask, std::uint64_t value, int source_lane,
                              const char* file, int line);

/// This block's shared variable identified by `tag`: poisoned and guarded when first asked for.
void* shared_variable(const void* tag, std::size_t bytes, std::size_t alignment);
/// This block's dynamic shared memory.
void* dynamic_shared();

}  // namespace assay::emulated
