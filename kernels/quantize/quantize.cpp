#include "kernels/quantize/quantize.h"

#include "kernels/limits.h"
#include "kernels/quantize/versions.h"

namespace assay {
namespace {

std::string supports_v1(const QuantizeArgs& a, const Properties&) {
  return first_reason(
      {not_floating(a.dtype), not_positive("n", a.n), not_positive("k", a.k),
       a.bits == 8 || a.bits == 4 ? "" : "bits is " + std::to_string(a.bits) + ", not 8 or 4",
       not_positive("group_size", a.group_size), not_multiple("k", a.k, "group_size", a.group_size),
       a.bits == 4 ? not_multiple("k", a.k, "the codes in a byte,", 2) : ""});
}

}  // namespace

const Op<QuantizeArgs>& quantize_op() {
  static const Op<QuantizeArgs> op{"quantize",
                                   {{"v1_two_launches",
                                     launch_quantize_v1,
                                     supports_v1,
                                     {{"group_size", 32}, {"k", 256}, {"k", 512}}}}};
  return op;
}

}  // namespace assay
