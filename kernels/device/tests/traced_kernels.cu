#include <cstring>

#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/device/tests/traced_kernels.h"

namespace assay::traced_kernels {
namespace {

constexpr unsigned ALL = 0xffffffffu;

__global__ void reverse_twice_kernel(int* y, const int* x, bool after_write, bool after_read) {
  SHARED(tile, int[BLOCK]);
  const int i = threadIdx.x;
  for (int round = 0; round < 2; ++round) {
    tile[i] = x[i];
    if (after_write) __syncthreads();
    y[i] = tile[BLOCK - 1 - i];
    if (after_read) __syncthreads();
  }
}

__global__ void exchange_lanes_kernel(int* y, const int* x, int distance, Between between) {
  SHARED(tile, int[BLOCK]);
  const int i = threadIdx.x;
  tile[i] = x[i];
  if (between == Between::kSyncWarp) __syncwarp();
  if (between == Between::kSyncHalf) __syncwarp(i % 32 < 16 ? 0xffffu : 0xffff0000u);
  int other = 0;
  if (between == Between::kShuffle) other = __shfl_xor_sync(ALL, i, distance);
  y[i] = tile[i ^ distance] + 0 * other;
}

__global__ void write_blocks_kernel(int* y, int step) {
  y[threadIdx.x + blockIdx.x * step] = threadIdx.x;
}

__global__ void read_blocks_kernel(int* y, int distance) {
  int* mine = y + 2 * BLOCK * blockIdx.x;
  mine[threadIdx.x] = threadIdx.x;
  __syncthreads();
  const int from = (blockIdx.x + gridDim.x - distance) % gridDim.x;
  mine[BLOCK + threadIdx.x] = y[2 * BLOCK * from + threadIdx.x];
}

__global__ void last_block_sum_kernel(int* total, int* partial, int* counter, bool fence) {
  SHARED(last, bool);
  int sum = static_cast<int>(threadIdx.x);
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(ALL, sum, offset);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    if (fence) __threadfence();
    last = atomicAdd(counter, 1) == static_cast<int>(gridDim.x) - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  int all = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) all += partial[b];
  *total = all;
}

__global__ void atomic_then_read_kernel(int* y, int* sum, bool barrier) {
  atomicAdd(sum, 1);
  if (barrier) __syncthreads();
  if (threadIdx.x == 0) *y = *sum;
}

__global__ void write_two_kernel(int* y, int distance) {
  if (threadIdx.x % 32 == 0) y[threadIdx.x / 32 * distance] = 1;
}

__global__ void write_bytes_kernel(unsigned char* y) {
  y[threadIdx.x] = static_cast<unsigned char>(threadIdx.x);
}

__global__ void read_shared_kernel(int* y, int filled) {
  SHARED(tile, int[BLOCK]);
  const int i = threadIdx.x;
  if (i < filled) tile[i] = i;
  __syncthreads();
  y[i] = tile[BLOCK - 1 - i];
}

__global__ void write_between_shared_kernel(int* y, int past) {
  SHARED(first, int[BLOCK]);
  SHARED(second, int[BLOCK]);
  first[threadIdx.x] = second[threadIdx.x] = 0;
  __syncthreads();
  if (threadIdx.x == BLOCK - 1) first[BLOCK + past] = 1;
  y[threadIdx.x] = first[threadIdx.x] + second[threadIdx.x];
}

template <class T>
__global__ void touch_at_kernel(unsigned char* data, long long offset, bool write) {
  T* at = reinterpret_cast<T*>(data + offset);
  if (write) {
    *at = T{};
  } else {
    const volatile T held = *at;
    static_cast<void>(held);
  }
}

__global__ void copy_bytes_kernel(void* to, const void* from, std::size_t bytes) {
  memcpy(to, from, bytes);
}
__global__ void set_bytes_kernel(void* to, std::size_t bytes) { memset(to, 0, bytes); }

__global__ void copy_constants_kernel(unsigned char* to, const unsigned char* from) {
  memcpy(to, from, 24);
  memcpy(to + 24, from + 24, 4);
  memcpy(to + 28, from + 28, 16);
  memcpy(to + 44, from, 12);
}

__global__ void sine_and_cosine_kernel(float* y, const float* x) { sincosf(x[0], &y[0], &y[1]); }

__global__ void copy_struct_kernel(int* y, const Wide* x, int index) {
  const Wide held = x[index];
  y[0] = held.b[3];
}

__constant__ int TABLE[4] = {3, 1, 4, 1};
__global__ void read_table_kernel(int* y) { y[threadIdx.x] = TABLE[(threadIdx.x + y[0]) % 4]; }

__global__ void copy_floats_kernel(float* y, const float* x, int stride, int offset) {
  const int i = threadIdx.x;
  y[i] = x[i * stride + offset];
}

template <class V>
__global__ void copy_vectors_kernel(V* y, const V* x) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  y[i] = x[i];
}

__global__ void copy_divergent_kernel(float* y, const float* x) {
  const int i = threadIdx.x;
  float sum = 0.0f;
  for (int j = 0; j <= i % 4; ++j) sum += x[j];
  y[i] = sum;
}

__global__ void sum_long_kernel(float* y, const float* x, int steps) {
  float sum = 0.0f;
  for (int j = 0; j < steps; ++j) sum += x[threadIdx.x + 32 * j];
  y[threadIdx.x] = sum;
}

template <int WIDTH>
__global__ void read_column_kernel(float* y) {
  SHARED(tile, float[32][WIDTH]);
  for (int row = 0; row < 32; ++row) tile[row][threadIdx.x] = static_cast<float>(row);
  __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x][5];
}

template <class V>
__global__ void shared_vectors_kernel(float* y, int write_stride, int read_stride) {
  SHARED(tile, V[128]);
  V held;
  held.v[0] = held.v[1] = static_cast<float>(threadIdx.x);
  tile[threadIdx.x * write_stride] = held;
  __syncwarp();
  const V back = tile[threadIdx.x * read_stride];
  y[threadIdx.x] = back.v[0] + back.v[1];
}

__global__ void mixed_kernel(int* y) {
  SHARED(tile, int[BLOCK]);
  const int i = threadIdx.x;
  tile[i] = i;
  __syncthreads();
  int value = tile[BLOCK - 1 - i];
  __syncthreads();
  value += __shfl_xor_sync(ALL, value, 1);
  value += __shfl_down_sync(ALL, value, 2);
  value += static_cast<int>(__shfl_xor_sync(ALL, static_cast<long long>(value), 4));
  if (__all_sync(ALL, value >= 0) != 0) value += 1;
  __syncthreads();
  atomicAdd(&y[blockIdx.x % 2], value);
}

}  // namespace

void reverse_twice(int* y, const int* x, bool after_write, bool after_read, const Stream& stream) {
  launch(reverse_twice_kernel, {"traced.reverse_twice", dim3(1), dim3(BLOCK)}, stream, y, x,
         after_write, after_read);
}
void exchange_lanes(int* y, const int* x, int distance, Between between, const Stream& stream) {
  launch(exchange_lanes_kernel, {"traced.exchange_lanes", dim3(1), dim3(BLOCK)}, stream, y, x,
         distance, between);
}
void write_blocks(int* y, int blocks, int step, const Stream& stream) {
  launch(write_blocks_kernel, {"traced.write_blocks", dim3(blocks), dim3(BLOCK)}, stream, y, step);
}
void read_blocks(int* y, int blocks, int distance, const Stream& stream) {
  launch(read_blocks_kernel, {"traced.read_blocks", dim3(blocks), dim3(BLOCK)}, stream, y,
         distance);
}
void last_block_sum(int* total, int* partial, int* counter, int blocks, bool fence,
                    const Stream& stream) {
  launch(last_block_sum_kernel, {"traced.last_block_sum", dim3(blocks), dim3(32)}, stream, total,
         partial, counter, fence);
}
void atomic_then_read(int* y, int* sum, bool barrier, const Stream& stream) {
  launch(atomic_then_read_kernel, {"traced.atomic_then_read", dim3(1), dim3(BLOCK)}, stream, y, sum,
         barrier);
}
void write_two(int* y, int distance, const Stream& stream) {
  launch(write_two_kernel, {"traced.write_two", dim3(1), dim3(BLOCK)}, stream, y, distance);
}
void write_bytes(unsigned char* y, const Stream& stream) {
  launch(write_bytes_kernel, {"traced.write_bytes", dim3(1), dim3(BLOCK)}, stream, y);
}
void read_shared(int* y, int filled, const Stream& stream) {
  launch(read_shared_kernel, {"traced.read_shared", dim3(1), dim3(BLOCK)}, stream, y, filled);
}
void write_between_shared(int* y, int past, const Stream& stream) {
  launch(write_between_shared_kernel, {"traced.write_between", dim3(1), dim3(BLOCK)}, stream, y,
         past);
}
void touch_at(void* data, std::ptrdiff_t offset, int bytes, bool write, const Stream& stream) {
  const auto kernel = bytes == 1   ? touch_at_kernel<unsigned char>
                      : bytes == 4 ? touch_at_kernel<int>
                                   : touch_at_kernel<Vec<float, 4>>;
  launch(kernel, {"traced.touch_at", dim3(1), dim3(1)}, stream, static_cast<unsigned char*>(data),
         static_cast<long long>(offset), write);
}
void copy_bytes(void* to, const void* from, std::size_t bytes, const Stream& stream) {
  launch(copy_bytes_kernel, {"traced.copy_bytes", dim3(1), dim3(1)}, stream, to, from, bytes);
}
void set_bytes(void* to, std::size_t bytes, const Stream& stream) {
  launch(set_bytes_kernel, {"traced.set_bytes", dim3(1), dim3(1)}, stream, to, bytes);
}
void copy_constants(unsigned char* to, const unsigned char* from, const Stream& stream) {
  launch(copy_constants_kernel, {"traced.copy_constants", dim3(1), dim3(1)}, stream, to, from);
}
void sine_and_cosine(float* y, const float* x, const Stream& stream) {
  launch(sine_and_cosine_kernel, {"traced.sine_and_cosine", dim3(1), dim3(1)}, stream, y, x);
}
void copy_struct(int* y, const Wide* x, int index, const Stream& stream) {
  launch(copy_struct_kernel, {"traced.copy_struct", dim3(1), dim3(1)}, stream, y, x, index);
}
void read_table(int* y, const Stream& stream) {
  launch(read_table_kernel, {"traced.read_table", dim3(1), dim3(1)}, stream, y);
}
void copy_floats(float* y, const float* x, int threads, int stride, int offset,
                 const Stream& stream) {
  launch(copy_floats_kernel, {"traced.copy_floats", dim3(1), dim3(threads)}, stream, y, x, stride,
         offset);
}
void copy_vectors(void* y, const void* x, int width, int blocks, int threads,
                  const Stream& stream) {
  const LaunchShape shape("traced.copy_vectors", dim3(blocks), dim3(threads));
  if (width == 8) {
    using V = Vec<float, 2>;
    launch(copy_vectors_kernel<V>, shape, stream, static_cast<V*>(y), static_cast<const V*>(x));
  } else {
    using V = Vec<float, 4>;
    launch(copy_vectors_kernel<V>, shape, stream, static_cast<V*>(y), static_cast<const V*>(x));
  }
}
void copy_divergent(float* y, const float* x, const Stream& stream) {
  launch(copy_divergent_kernel, {"traced.copy_divergent", dim3(1), dim3(32)}, stream, y, x);
}
void sum_long(float* y, const float* x, int steps, const Stream& stream) {
  launch(sum_long_kernel, {"traced.sum_long", dim3(1), dim3(32)}, stream, y, x, steps);
}
void read_column(float* y, int width, const Stream& stream) {
  launch(width == 32 ? read_column_kernel<32> : read_column_kernel<33>,
         {"traced.read_column", dim3(1), dim3(32)}, stream, y);
}
void shared_quads(float* y, int write_stride, int read_stride, const Stream& stream) {
  launch(shared_vectors_kernel<Vec<float, 4>>, {"traced.shared_quads", dim3(1), dim3(32)}, stream,
         y, write_stride, read_stride);
}
void shared_pairs(float* y, int write_stride, int read_stride, const Stream& stream) {
  launch(shared_vectors_kernel<Vec<float, 2>>, {"traced.shared_pairs", dim3(1), dim3(32)}, stream,
         y, write_stride, read_stride);
}
void mixed(int* y, int blocks, const Stream& stream) {
  launch(mixed_kernel, {"traced.mixed", dim3(blocks), dim3(BLOCK)}, stream, y);
}

}  // namespace assay::traced_kernels
