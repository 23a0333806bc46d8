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

/// kWideShuffle moves 8 bytes, which takes a GPU two instructions.
enum class WarpOp : std::uint8_t { kSync, kShuffle, kWideShuffle, kBallot };

/// A thread of a kernel has read its parameters and begins.
void enter_kernel();

/// For the trace of device code: a __threadfence, or the block's only; an atomic operation, before
/// and after.
void note_fence(bool block_only);
void before_atomic(const void* address, std::size_t bytes);
void after_atomic(const void* address);

/// Waits until every thread of the block has arrived. A barrier that not all reach, or that they
/// reach at different places, ends the launch with a report.
void block_barrier(const char* file, int line);

/// Waits until every lane in `mask` has arrived, then answers: a shuffle, the `value` of lane
/// `source_lane` (poison if it is not in the mask); kBallot, a bit for each lane whose value is
/// not 0; kSync, 0.
std::uint64_t warp_collective(WarpOp op, unsigned mask, std::uint64_t value, int source_lane,
                              const char* file, int line);

/// This block's shared variable identified by `tag`: poisoned and guarded when first asked for.
void* shared_variable(const void* tag, const char* name, std::size_t bytes, std::size_t alignment);
/// This block's dynamic shared memory.
void* dynamic_shared();

}  // namespace assay::emulated
