#include "kernels/padding_restore/padding_restore.h"

#include <climits>

#include "kernels/limits.h"
#include "kernels/padding_restore/versions.h"

namespace assay {
namespace {

std::string supports_v1(const PaddingRestoreArgs& a, const Properties&) {
  return first_reason({not_positive("batch", a.batch), not_positive("t_max", a.t_max),
                       not_positive("width", a.width), above("width", a.width, a.x_stride),
                       above("batch * t_max", static_cast<long long>(a.batch) * a.t_max, INT_MAX)});
}

}  // namespace

const Op<PaddingRestoreArgs>& padding_restore_op() {
  static const Op<PaddingRestoreArgs> op{
      "padding_restore",
      {{"v1_row_copy", launch_padding_restore_v1, supports_v1, {{"width", 256}}}}};
  return op;
}

}  // namespace assay
