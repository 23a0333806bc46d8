// v1: one block per sequence; every warp adds up the lengths of the sequences before it.
//
// Each warp repeats the sum instead of sharing it, so no barrier is needed: it is B integers from
// cache, and B is small.
// Map: block = sequence b; lane l adds q_lens[l], q_lens[l + 32], ... below b; then thread j takes
// the tokens j, j + 256, ... of the sequence.
// Limited by launch latency at any size that a batch has.
#include "kernels/device/launch.h"
#include "kernels/padding_offsets/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

__global__ void __launch_bounds__(256)
    padding_offsets_warp_sums(int* cu_q_lens, int* padding_offset, int* positions,
                              const int* q_lens, const int* past_lens, int batch, int t_max) {
  const int b = blockIdx.x;
  int start = 0;
  for (int i = threadIdx.x % 32; i < b; i += 32) start += q_lens[i];
  for (int offset = 16; offset > 0; offset /= 2) {
    start += __shfl_xor_sync(0xffffffffu, start, offset);
  }
  const int length = q_lens[b];
  const int past = past_lens[b];
  if (threadIdx.x == 0) {
    cu_q_lens[b] = start;
    if (b == batch - 1) cu_q_lens[batch] = start + length;
  }
  for (int j = threadIdx.x; j < length; j += blockDim.x) {
    padding_offset[start + j] = b * t_max - start;
    positions[start + j] = past + j;
  }
}

}  // namespace

void launch_padding_offsets_v1(const PaddingOffsetsArgs& a, const Stream& stream) {
  launch(padding_offsets_warp_sums,
         {"padding_offsets.v1_warp_sums", dim3(a.batch), row_threads(a.t_max)}, stream, a.cu_q_lens,
         a.padding_offset, a.positions, a.q_lens, a.past_lens, a.batch, a.t_max);
}

}  // namespace assay
