// The versions of KV broadcast, for its table only.
#pragma once

#include "kernels/kv_broadcast/kv_broadcast.h"

namespace assay {

void launch_kv_broadcast_v1(const KvBroadcastArgs& args, const Stream& stream);

}  // namespace assay
