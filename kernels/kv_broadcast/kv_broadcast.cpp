#include "kernels/kv_broadcast/kv_broadcast.h"

#include "kernels/kv_broadcast/versions.h"
#include "kernels/limits.h"

namespace assay {
namespace {

constexpr int GRID_YZ = 65535;  // most blocks along y or z

std::string supports_v1(const KvBroadcastArgs& a, const Properties&) {
  return first_reason(
      {not_floating(a.dtype), not_positive("batch", a.batch), not_positive("kv_heads", a.kv_heads),
       not_positive("heads", a.heads), not_multiple("heads", a.heads, "kv_heads", a.kv_heads),
       not_positive("s", a.s), above("s", a.s, a.s_max), not_positive("head_dim", a.head_dim),
       above("heads", a.heads, GRID_YZ), above("batch", a.batch, GRID_YZ)});
}

}  // namespace

const Op<KvBroadcastArgs>& kv_broadcast_op() {
  static const Op<KvBroadcastArgs> op{
      "kv_broadcast", {{"v1_flat_copy", launch_kv_broadcast_v1, supports_v1, {{"head_dim", 256}}}}};
  return op;
}

}  // namespace assay
