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

}  // namespace

const Op<LinearQuantizedArgs>& linear_quantized_op() {
  static const Op<LinearQuantizedArgs> op{"linear_quantized",
                                          {
                                              {"v1_warp_per_output",
                                               launch_linear_quantized_v1,
                                               supports_v1,
                                               {{"m", 4}, {"n", 4}, {"k", 32}}},
                                          }};
  return op;
}

}  // namespace assay
