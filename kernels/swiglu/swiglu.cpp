#include "kernels/swiglu/swiglu.h"

#include <climits>

#include "kernels/limits.h"
#include "kernels/swiglu/versions.h"

namespace assay {
namespace {

std::string supports_v1(const SwigluArgs& a, const Properties&) {
  return first_reason(
      {not_floating(a.dtype), not_positive("tokens", a.tokens), not_positive("width", a.width)});
}

std::string supports_v2(const SwigluArgs& a, const Properties& device) {
  const long long vectors =
      static_cast<long long>(a.tokens) * a.width * static_cast<long long>(size_of(a.dtype)) / 16;
  return first_reason({supports_v1(a, device), unaligned_rows(a.width, a.dtype),
                       above("number of 16-byte vectors", vectors, INT_MAX)});
}

}  // namespace

const Op<SwigluArgs>& swiglu_op() {
  static const Op<SwigluArgs> op{
      "swiglu",
      {
          {"v2_vectors", launch_swiglu_v2, supports_v2, {{"width", 1024}, {"width", 2048}}},
          {"v1_elementwise", launch_swiglu_v1, supports_v1, {{"width", 256}}},
      }};
  return op;
}

}  // namespace assay
