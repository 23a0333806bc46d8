#include "kernels/embedding/embedding.h"

#include "kernels/embedding/versions.h"
#include "kernels/limits.h"

namespace assay {
namespace {

std::string supports_v1(const EmbeddingArgs& a, const Properties&) {
  return first_reason({not_floating(a.dtype), not_positive("tokens", a.tokens),
                       not_positive("width", a.width), not_positive("vocab", a.vocab)});
}

}  // namespace

const Op<EmbeddingArgs>& embedding_op() {
  static const Op<EmbeddingArgs> op{
      "embedding", {{"v1_row_copy", launch_embedding_v1, supports_v1, {{"width", 256}}}}};
  return op;
}

}  // namespace assay
