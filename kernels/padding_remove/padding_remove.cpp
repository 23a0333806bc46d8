#include "kernels/padding_remove/padding_remove.h"

#include "kernels/limits.h"
#include "kernels/padding_remove/versions.h"

namespace assay {
namespace {

std::string supports_v1(const PaddingRemoveArgs& a, const Properties&) {
  return first_reason({not_positive("tokens", a.tokens), not_positive("width", a.width)});
}

}  // namespace

const Op<PaddingRemoveArgs>& padding_remove_op() {
  static const Op<PaddingRemoveArgs> op{
      "padding_remove", {{"v1_row_copy", launch_padding_remove_v1, supports_v1, {{"width", 256}}}}};
  return op;
}

}  // namespace assay
