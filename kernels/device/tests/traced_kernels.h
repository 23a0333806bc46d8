// Kernels for the traced device: hazards beside their correct twins, and accesses whose cost is
// known by hand.
#pragma once

#include <cstddef>

#include "kernels/device/stream.h"

namespace assay::traced_kernels {

constexpr int BLOCK = 64;

/// y[i] = x[BLOCK - 1 - i] by way of shared memory, in two rounds over the same tile. Barriers can
/// be left out: between the writes and the reads, and between the reads and the next writes.
void reverse_twice(int* y, const int* x, bool after_write, bool after_read, const Stream& stream);
/// What stands between a lane's write to shared memory and its neighbour's read of it.
enum class Between { kNothing, kSyncWarp, kSyncHalf, kShuffle };
/// y[i] = x[i ^ distance] by way of shared memory, within warps.
void exchange_lanes(int* y, const int* x, int distance, Between between, const Stream& stream);
/// Block b writes y[threadIdx.x + b * step]: step BLOCK is right, less is a race between blocks.
void write_blocks(int* y, int blocks, int step, const Stream& stream);
/// Every block writes its part of y, then reads that of the block `distance` before.
void read_blocks(int* y, int blocks, int distance, const Stream& stream);
/// total = sum of the threads' numbers over all blocks: blocks leave their sums in `partial`
/// (blocks), and the last to arrive at `counter` (0) adds them up; with or without the fence.
void last_block_sum(int* total, int* partial, int* counter, int blocks, bool fence,
                    const Stream& stream);
/// Threads add to *sum atomically; then thread 0 reads it plainly into *y.
void atomic_then_read(int* y, int* sum, bool barrier, const Stream& stream);
/// Two threads of different warps write y[0] and y[distance].
void write_two(int* y, int distance, const Stream& stream);
/// Each thread writes its own byte: neighbours in one word, and no race.
void write_bytes(unsigned char* y, const Stream& stream);
/// Writes `filled` elements of a shared array, and reads all of it.
void read_shared(int* y, int filled, const Stream& stream);
/// Two shared arrays of BLOCK elements; writes element BLOCK + past of the first.
void write_between_shared(int* y, int past, const Stream& stream);
/// One thread reads, or writes, `bytes` (1, 4 or 16) at data + offset.
void touch_at(void* data, std::ptrdiff_t offset, int bytes, bool write, const Stream& stream);
/// One thread calls memcpy or memset.
void copy_bytes(void* to, const void* from, std::size_t bytes, const Stream& stream);
void set_bytes(void* to, std::size_t bytes, const Stream& stream);
/// One thread copies 24 + 4 + 16 bytes by memcpy of constant sizes, and 12 more to to + 44.
void copy_constants(unsigned char* to, const unsigned char* from, const Stream& stream);
/// One thread has sincosf store to y[0] and y[1].
void sine_and_cosine(float* y, const float* x, const Stream& stream);
/// y[0] = the last member of the struct of 24 bytes at x + index.
struct Wide {
  double a;
  int b[4];
};
void copy_struct(int* y, const Wide* x, int index, const Stream& stream);
/// y[i] = an entry of a constant table.
void read_table(int* y, const Stream& stream);

/// y[i] = x[i * stride + offset], for `threads` threads in one block.
void copy_floats(float* y, const float* x, int threads, int stride, int offset,
                 const Stream& stream);
/// Thread i copies element i of `width` (8 or 16) bytes, for `threads` threads in each block.
void copy_vectors(void* y, const void* x, int width, int blocks, int threads, const Stream& stream);
/// Thread i adds x[0] ... x[i % 4], one after the other.
void copy_divergent(float* y, const float* x, const Stream& stream);
/// Each of 32 threads adds up x[lane + 32 * j] for j < steps, with no synchronisation.
void sum_long(float* y, const float* x, int steps, const Stream& stream);
/// A warp writes a row of float[32][width], width 32 or 33, and reads a column.
void read_column(float* y, int width, const Stream& stream);
/// A warp writes 16-byte quads of shared memory, every `write_stride`-th, and reads every
/// `read_stride`-th: the same, or 0.
void shared_quads(float* y, int write_stride, int read_stride, const Stream& stream);
/// The same with 8-byte pairs.
void shared_pairs(float* y, int write_stride, int read_stride, const Stream& stream);
/// In each of `blocks` blocks of BLOCK threads: 3 barriers, 2 shuffles of 4 bytes and 1 of 8 per
/// warp, 1 vote, an atomic by each thread.
void mixed(int* y, int blocks, const Stream& stream);

}  // namespace assay::traced_kernels
