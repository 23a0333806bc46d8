// Kernels with one planted fault each, and their correct twins.
#pragma once

#include "kernels/device/stream.h"

namespace assay::faults {

constexpr int BLOCK = 64;

/// y[i] = x[BLOCK - 1 - i] by way of shared memory; with or without the barrier between.
void reverse(int* y, const int* x, bool barrier, const Stream& stream);
/// y[i] = 1, read from shared memory that is overwritten with 2 ten steps later; with or without
/// the barrier between.
void overwrite(int* y, bool barrier, const Stream& stream);
/// Half of the block waits at a barrier, the other half returns.
void divergent_barrier(int* y, const Stream& stream);
/// The two halves of the block wait at different barriers.
void different_barriers(int* y, const Stream& stream);
/// The first `limit` threads wait at one barrier more than the rest of the block.
void extra_barrier(int* y, int limit, const Stream& stream);
/// y[i] = x[i + offset] for BLOCK threads.
void read_at(int* y, const int* x, int offset, const Stream& stream);
/// y[i + offset] = i for BLOCK threads.
void write_at(int* y, int offset, const Stream& stream);
/// y[i] = 2 * x[i].
void twice(float* y, const float* x, const Stream& stream);
/// Writes one element past its shared array.
void write_past_shared(int* y, const Stream& stream);
/// y[i] = shared memory that nobody wrote.
void read_unwritten_shared(float* y, const Stream& stream);
/// Lane 0 leaves a full-mask shuffle out.
void missing_lane(int* y, const Stream& stream);
/// y[block] = sum of 1 .. BLOCK by shuffles, votes and atomics, over `blocks` blocks.
void collectives(int* y, int blocks, const Stream& stream);
/// Recurses without end.
void overflow_stack(int* y, const Stream& stream);

}  // namespace assay::faults
