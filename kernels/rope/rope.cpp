#include "kernels/rope/rope.h"

#include <climits>

#include "kernels/limits.h"
#include "kernels/rope/versions.h"

namespace assay {
namespace {

std::string supports_v1(const RopeArgs& a, const Properties&) {
  const long long row = (static_cast<long long>(a.heads) + 2LL * a.kv_heads) * a.head_dim;
  return first_reason({not_floating(a.dtype), not_positive("tokens", a.tokens),
                       not_positive("heads", a.heads), not_positive("kv_heads", a.kv_heads),
                       not_positive("head_dim", a.head_dim),
                       not_multiple("head_dim", a.head_dim, "a pair's", 2),
                       above("(heads + 2 kv_heads) * head_dim", row, INT_MAX)});
}

std::string supports_v2(const RopeArgs& a, const Properties& device) {
  return first_reason({supports_v1(a, device), unaligned_rows(a.head_dim / 2, a.dtype),
                       above("head_dim", a.head_dim, ROPE_V2_MAX_HEAD_DIM)});
}

}  // namespace

const Op<RopeArgs>& rope_op() {
  static const Op<RopeArgs> op{"rope",
                               {
                                   {"v2_shared_angles",
                                    launch_rope_v2,
                                    supports_v2,
                                    {{"heads", 32}, {"head_dim", ROPE_V2_MAX_HEAD_DIM}}},
                                   {"v1_pairs", launch_rope_v1, supports_v1, {{"head_dim", 256}}},
                               }};
  return op;
}

}  // namespace assay
