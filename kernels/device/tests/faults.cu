#include "kernels/device/launch.h"
#include "kernels/device/tests/faults.h"

namespace assay::faults {
namespace {

__global__ void reverse_kernel(int* y, const int* x, bool barrier) {
  SHARED(tile, int[BLOCK]);
  tile[threadIdx.x] = x[threadIdx.x];
  if (barrier) __syncthreads();
  y[threadIdx.x] = tile[BLOCK - 1 - threadIdx.x];
}

// What a warp reads here, another may overwrite ten steps later.
__global__ void overwrite_kernel(int* y, bool barrier) {
  SHARED(tile, int[BLOCK / 32]);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (threadIdx.x % 32 == 0) tile[warp] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[BLOCK / 32 - 1 - warp];
  if (barrier) __syncthreads();
  for (int step = 0; step < 10; ++step) __syncwarp();
  if (threadIdx.x % 32 == 0) tile[warp] = 2;
}

__global__ void divergent_barrier_kernel(int* y) {
  if (threadIdx.x >= BLOCK / 2) return;
  __syncthreads();
  y[threadIdx.x] = 1;
}

// All threads pass the last barrier, the first half of the block one more before it.
__global__ void extra_barrier_kernel(int* y, int limit) {
  SHARED(tile, int[BLOCK]);
  tile[threadIdx.x] = 0;
  if (static_cast<int>(threadIdx.x) < limit) {
    tile[threadIdx.x] = 1;
    __syncthreads();
  }
  tile[threadIdx.x] += 2;
  __syncthreads();
  y[threadIdx.x] = tile[BLOCK - 1 - threadIdx.x];
}

__global__ void different_barriers_kernel(int* y) {
  if (threadIdx.x < BLOCK / 2) {
    __syncthreads();
    y[threadIdx.x] = 1;
  } else {
    __syncthreads();
    y[threadIdx.x] = 2;
  }
}

__global__ void read_kernel(int* y, const int* x, int offset) {
  y[threadIdx.x] = x[static_cast<int>(threadIdx.x) + offset];
}

__global__ void write_kernel(int* y, int offset) {
  y[static_cast<int>(threadIdx.x) + offset] = static_cast<int>(threadIdx.x);
}

__global__ void twice_kernel(float* y, const float* x) { y[threadIdx.x] = 2.0f * x[threadIdx.x]; }

__global__ void write_past_shared_kernel(int* y) {
  SHARED(tile, int[BLOCK]);
  int* volatile start = tile;  // hides the size from the compiler's own warning
  start[threadIdx.x + 1] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void read_unwritten_shared_kernel(float* y) {
  SHARED(tile, float[BLOCK]);
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void missing_lane_kernel(int* y) {
  int value = static_cast<int>(threadIdx.x);
  if (threadIdx.x % 32 != 0) value = __shfl_xor_sync(0xffffffffu, value, 1);
  y[threadIdx.x] = value;
}

__global__ void collectives_kernel(int* y) {
  int sum = static_cast<int>(threadIdx.x) + 1;
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
  const bool first = __ballot_sync(0xffffffffu, threadIdx.x % 32 == 0) == 1u &&
                     __all_sync(0xffffffffu, 1) && !__any_sync(0xffffffffu, 0);
  if (first && threadIdx.x % 32 == 0) atomicAdd(&y[blockIdx.x], sum);
}

__device__ int recurse(volatile int* y, int depth) {
  volatile int frame[64];
  frame[depth % 64] = depth;
  if (depth == *y) return 0;
  return recurse(y, depth + 1) + frame[depth % 64];
}
__global__ void overflow_stack_kernel(int* y) { y[threadIdx.x] = recurse(y, 0); }

}  // namespace

void reverse(int* y, const int* x, bool barrier, const Stream& stream) {
  launch(reverse_kernel, {"faults.reverse", dim3(1), dim3(BLOCK)}, stream, y, x, barrier);
}
void overwrite(int* y, bool barrier, const Stream& stream) {
  launch(overwrite_kernel, {"faults.overwrite", dim3(1), dim3(BLOCK)}, stream, y, barrier);
}
void divergent_barrier(int* y, const Stream& stream) {
  launch(divergent_barrier_kernel, {"faults.divergent", dim3(1), dim3(BLOCK)}, stream, y);
}
void extra_barrier(int* y, int limit, const Stream& stream) {
  launch(extra_barrier_kernel, {"faults.extra", dim3(1), dim3(BLOCK)}, stream, y, limit);
}
void different_barriers(int* y, const Stream& stream) {
  launch(different_barriers_kernel, {"faults.different", dim3(1), dim3(BLOCK)}, stream, y);
}
void read_at(int* y, const int* x, int offset, const Stream& stream) {
  launch(read_kernel, {"faults.read", dim3(1), dim3(BLOCK)}, stream, y, x, offset);
}
void write_at(int* y, int offset, const Stream& stream) {
  launch(write_kernel, {"faults.write", dim3(1), dim3(BLOCK)}, stream, y, offset);
}
void twice(float* y, const float* x, const Stream& stream) {
  launch(twice_kernel, {"faults.twice", dim3(1), dim3(BLOCK)}, stream, y, x);
}
void write_past_shared(int* y, const Stream& stream) {
  launch(write_past_shared_kernel, {"faults.shared", dim3(1), dim3(BLOCK)}, stream, y);
}
void read_unwritten_shared(float* y, const Stream& stream) {
  launch(read_unwritten_shared_kernel, {"faults.unwritten", dim3(1), dim3(BLOCK)}, stream, y);
}
void missing_lane(int* y, const Stream& stream) {
  launch(missing_lane_kernel, {"faults.lane", dim3(1), dim3(BLOCK)}, stream, y);
}
void collectives(int* y, int blocks, const Stream& stream) {
  launch(collectives_kernel, {"faults.collectives", dim3(blocks), dim3(BLOCK)}, stream, y);
}
void overflow_stack(int* y, const Stream& stream) {
  launch(overflow_stack_kernel, {"faults.stack", dim3(1), dim3(BLOCK)}, stream, y);
}

}  // namespace assay::faults
