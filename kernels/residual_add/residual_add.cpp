#include "kernels/residual_add/residual_add.h"

#include <climits>

#include "kernels/limits.h"
#include "kernels/residual_add/versions.h"

namespace assay {
namespace {

std::string supports_v1(const ResidualAddArgs& a, const Properties&) {
  return first_reason({not_floating(a.dtype), not_positive("count", a.count),
                       above("count", a.count, 256LL * INT_MAX)});
}

}  // namespace

const Op<ResidualAddArgs>& residual_add_op() {
  static const Op<ResidualAddArgs> op{
      "residual_add", {{"v1_elementwise", launch_residual_add_v1, supports_v1, {{"count", 256}}}}};
  return op;
}

}  // namespace assay
