#include "kernels/linear_quantized/linear_quantized.h"

#include "kernels/limits.h"
#include "kernels/linear_quantized/versions.h"

namespace assay {
namespace {

std::string supports_v1(const LinearQuantizedArgs& a, const Properties&) {
  return first_reason(
      {not_floating(a.dtype), not_positive("m", a.m), not_positive("n", a.n),
       not_positive("k", a.k), not_positive("group_size", a.group_size),
       a.bits == 8 || a.bits == 4 ? "" : std::to_string(a.bits) + "-bit weights; 8 or 4 are known",
       not_multiple("k", a.k, "group_size", a.group_size),
       a.bits == 4 ? not_multiple("k", a.k, "codes per byte", 2) : "",
       above("m * n", static_cast<long long>(a.m) * a.n, 0x7fffffffLL * 4)});
}

std::string supports_v2(const LinearQuantizedArgs& a, const Properties& device) {
  return first_reason({supports_v1(a, device),
                       not_multiple("group_size", a.group_size, "the codes in 16 bytes,",
                                    a.bits > 0 ? 128 / a.bits : 1),
                       above("m", a.m, 65535LL * LINEAR_QUANTIZED_V2_MAX_M)});
}

}  // namespace

const Op<LinearQuantizedArgs>& linear_quantized_op() {
  static const Op<LinearQuantizedArgs> op{"linear_quantized",
                                          {
                                              {"v2_vector",
                                               launch_linear_quantized_v2,
                                               supports_v2,
                                               {{"m", 2},
                                                {"m", 4},
                                                {"m", LINEAR_QUANTIZED_V2_MAX_M},
                                                {"n", LINEAR_QUANTIZED_V2_BLOCK_ROWS},
                                                {"k", 1024},
                                                {"group_size", 32}}},
                                              {"v1_warp_per_output",
                                               launch_linear_quantized_v1,
                                               supports_v1,
                                               {{"m", 4}, {"n", 4}, {"k", 32}}},
                                          }};
  return op;
}

}  // namespace assay
