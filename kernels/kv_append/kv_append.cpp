#include "kernels/kv_append/kv_append.h"

#include <climits>

#include "kernels/kv_append/versions.h"
#include "kernels/limits.h"

namespace assay {
namespace {

std::string supports_v1(const KvAppendArgs& a, const Properties&) {
  const long long row = (static_cast<long long>(a.heads) + 2LL * a.kv_heads) * a.head_dim;
  return first_reason({not_floating(a.dtype), not_positive("tokens", a.tokens),
                       not_positive("t_max", a.t_max), not_positive("heads", a.heads),
                       not_positive("kv_heads", a.kv_heads), not_positive("s_max", a.s_max),
                       not_positive("head_dim", a.head_dim),
                       above("(heads + 2 kv_heads) * head_dim", row, INT_MAX)});
}

}  // namespace

const Op<KvAppendArgs>& kv_append_op() {
  static const Op<KvAppendArgs> op{
      "kv_append", {{"v1_token_copy", launch_kv_append_v1, supports_v1, {{"head_dim", 256}}}}};
  return op;
}

}  // namespace assay
