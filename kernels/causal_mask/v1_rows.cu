// v1: one block per query row, one byte per thread and step.
//
// Map: block = row b * T_max + j; thread i takes slots i, i + 256, ...
// Limited by its 1-byte stores.
#include "kernels/causal_mask/versions.h"
#include "kernels/device/launch.h"
#include "kernels/rows.h"

namespace assay {
namespace {

__global__ void __launch_bounds__(256)
    causal_mask_rows(unsigned char* mask, const int* q_lens, const int* past_lens, int t_max,
                     int slots) {
  const int b = blockIdx.x / t_max;
  const int j = blockIdx.x % t_max;
  const int visible = j < q_lens[b] ? past_lens[b] + j + 1 : 0;
  unsigned char* row = mask + static_cast<std::size_t>(blockIdx.x) * slots;
  for (int s = threadIdx.x; s < slots; s += blockDim.x) row[s] = s < visible ? 1 : 0;
}

}  // namespace

void launch_causal_mask_v1(const CausalMaskArgs& a, const Stream& stream) {
  launch(causal_mask_rows, {"causal_mask.v1_rows", dim3(a.batch * a.t_max), row_threads(a.s)},
         stream, a.mask, a.q_lens, a.past_lens, a.t_max, a.s);
}

}  // namespace assay
