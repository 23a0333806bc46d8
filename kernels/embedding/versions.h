// The versions of word embedding, for its table only.
#pragma once

#include "kernels/embedding/embedding.h"

namespace assay {

void launch_embedding_v1(const EmbeddingArgs& args, const Stream& stream);

}  // namespace assay
