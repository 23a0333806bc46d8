// The versions of KV-cache append, for its table only.
#pragma once

#include "kernels/kv_append/kv_append.h"

namespace assay {

void launch_kv_append_v1(const KvAppendArgs& args, const Stream& stream);

}  // namespace assay
