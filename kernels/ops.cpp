// The list of ops. Adding one: its folder, and one line here.
#include "kernels/attention_scores/attention_scores.h"
#include "kernels/attention_values/attention_values.h"
#include "kernels/causal_mask/causal_mask.h"
#include "kernels/dequantize/dequantize.h"
#include "kernels/embedding/embedding.h"
#include "kernels/kv_append/kv_append.h"
#include "kernels/kv_broadcast/kv_broadcast.h"
#include "kernels/linear/linear.h"
#include "kernels/linear_quantized/linear_quantized.h"
#include "kernels/op.h"
#include "kernels/padding_offsets/padding_offsets.h"
#include "kernels/padding_remove/padding_remove.h"
#include "kernels/padding_restore/padding_restore.h"
#include "kernels/quantize/quantize.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/sampling/sampling.h"
#include "kernels/swiglu/swiglu.h"

namespace assay {
namespace {

template <class Args>
OpNames names_of(const Op<Args>& op) {
  OpNames names{op.name, {}};
  for (const Version<Args>& version : op.versions) names.versions.emplace_back(version.name);
  return names;
}

}  // namespace

const std::vector<OpNames>& all_ops() {
  // clang-format off
  static const std::vector<OpNames> ops{
      names_of(embedding_op()),
      names_of(padding_offsets_op()),
      names_of(padding_remove_op()),
      names_of(padding_restore_op()),
      names_of(causal_mask_op()),
      names_of(rms_norm_op()),
      names_of(linear_op()),
      names_of(quantize_op()),
      names_of(dequantize_op()),
      names_of(linear_quantized_op()),
      names_of(rope_op()),
      names_of(kv_append_op()),
      names_of(kv_broadcast_op()),
      names_of(attention_scores_op()),
      names_of(attention_values_op()),
      names_of(residual_add_op()),
      names_of(swiglu_op()),
      names_of(sampling_op()),
  };
  // clang-format on
  return ops;
}

}  // namespace assay
