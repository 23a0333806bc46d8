#include "kernels/padding_offsets/padding_offsets.h"

#include <climits>

#include "kernels/limits.h"
#include "kernels/padding_offsets/versions.h"

namespace assay {
namespace {

std::string supports_v1(const PaddingOffsetsArgs& a, const Properties&) {
  return first_reason({not_positive("batch", a.batch), not_positive("tokens", a.tokens),
                       not_positive("t_max", a.t_max),
                       above("batch * t_max", static_cast<long long>(a.batch) * a.t_max, INT_MAX)});
}

}  // namespace

const Op<PaddingOffsetsArgs>& padding_offsets_op() {
  static const Op<PaddingOffsetsArgs> op{
      "padding_offsets",
      {{"v1_warp_sums", launch_padding_offsets_v1, supports_v1, {{"batch", 32}, {"t_max", 256}}}}};
  return op;
}

}  // namespace assay
