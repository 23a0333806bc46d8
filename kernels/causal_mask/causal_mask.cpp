#include "kernels/causal_mask/causal_mask.h"

#include <climits>

#include "kernels/causal_mask/versions.h"
#include "kernels/limits.h"

namespace assay {
namespace {

std::string supports_v1(const CausalMaskArgs& a, const Properties&) {
  return first_reason({not_positive("batch", a.batch), not_positive("t_max", a.t_max),
                       not_positive("s", a.s),
                       above("batch * t_max", static_cast<long long>(a.batch) * a.t_max, INT_MAX)});
}

}  // namespace

const Op<CausalMaskArgs>& causal_mask_op() {
  static const Op<CausalMaskArgs> op{
      "causal_mask", {{"v1_rows", launch_causal_mask_v1, supports_v1, {{"s", 256}}}}};
  return op;
}

}  // namespace assay
