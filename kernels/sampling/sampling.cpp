#include "kernels/sampling/sampling.h"

#include "kernels/limits.h"
#include "kernels/sampling/versions.h"

namespace assay {
namespace {

std::string supports_v1(const SamplingArgs& a, const Properties&) {
  return first_reason({not_floating(a.dtype), not_positive("batch", a.batch),
                       not_positive("vocab", a.vocab),
                       above("vocab", a.vocab, SAMPLING_V1_MAX_VOCAB)});
}

}  // namespace

const Op<SamplingArgs>& sampling_op() {
  static const Op<SamplingArgs> op{"sampling",
                                   {{"v1_radix_select",
                                     launch_sampling_v1,
                                     supports_v1,
                                     {{"vocab", 512}, {"history_stride", 512}}}}};
  return op;
}

}  // namespace assay
