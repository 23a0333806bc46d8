#include "kernels/attention_scores/attention_scores.h"

#include "kernels/attention_scores/versions.h"
#include "kernels/limits.h"

namespace assay {
namespace {

constexpr long long MAX_GRID_YZ = 65535;
constexpr long long STATIC_SHARED_BYTES = 256;  // at most, what the reductions take

std::string supports_v1(const AttentionScoresArgs& a, const Properties& device) {
  return first_reason(
      {not_floating(a.dtype), not_positive("batch", a.batch), not_positive("t_max", a.t_max),
       not_positive("heads", a.heads), not_positive("s", a.s), not_positive("head_dim", a.head_dim),
       above("batch", a.batch, MAX_GRID_YZ), above("heads", a.heads, MAX_GRID_YZ),
       above("shared memory, 4 (s + head_dim) bytes,",
             static_cast<long long>(attention_scores_shared_bytes(a, 1)),
             static_cast<long long>(device.shared_bytes_per_block) - STATIC_SHARED_BYTES)});
}

std::string supports_v2(const AttentionScoresArgs& a, const Properties& device) {
  const long long vec = 16 / static_cast<long long>(size_of(a.dtype));
  return first_reason({supports_v1(a, device), unaligned_rows(a.head_dim, a.dtype),
                       not_multiple("k_stride", a.k_stride, "a 16-byte vector,", vec),
                       above("head_dim", a.head_dim, 2048)});
}

std::string supports_v3(const AttentionScoresArgs& a, const Properties& device) {
  const long long vec = 16 / static_cast<long long>(size_of(a.dtype));
  return first_reason(
      {supports_v2(a, device), not_one_query(a.t_max), above("head_dim", a.head_dim, 32 * vec)});
}

}  // namespace

const Op<AttentionScoresArgs>& attention_scores_op() {
  static const Op<AttentionScoresArgs> op{"attention_scores",
                                          {
                                              {"v3_lanes_per_key",
                                               launch_attention_scores_v3,
                                               supports_v3,
                                               {{"t_max", 1},
                                                {"batch", ATTENTION_SCORES_V3_WIDE_BLOCKS / 2},
                                                {"s", ATTENTION_SCORES_V3_KEYS},
                                                {"head_dim", 64},
                                                {"head_dim", 128},
                                                {"head_dim", 256}}},
                                              {"v2_shared_keys",
                                               launch_attention_scores_v2,
                                               supports_v2,
                                               {{"t_max", 1},
                                                {"t_max", ATTENTION_SCORES_V2_ROWS},
                                                {"s", 128},
                                                {"s", ATTENTION_SCORES_V2_SHARED_S},
                                                {"head_dim", 64}}},
                                              {"v1_row_per_block",
                                               launch_attention_scores_v1,
                                               supports_v1,
                                               {{"s", 128}, {"head_dim", 128}}},
                                          }};
  return op;
}

}  // namespace assay
