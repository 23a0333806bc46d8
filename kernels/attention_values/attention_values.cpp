#include "kernels/attention_values/attention_values.h"

#include "kernels/attention_values/versions.h"
#include "kernels/limits.h"

namespace assay {
namespace {

constexpr long long MAX_GRID_YZ = 65535;

std::string supports_v1(const AttentionValuesArgs& a, const Properties&) {
  return first_reason({not_floating(a.dtype), not_positive("batch", a.batch),
                       not_positive("t_max", a.t_max), not_positive("heads", a.heads),
                       not_positive("s", a.s), not_positive("head_dim", a.head_dim),
                       above("batch", a.batch, MAX_GRID_YZ), above("heads", a.heads, MAX_GRID_YZ)});
}

std::string supports_v2(const AttentionValuesArgs& a, const Properties& device) {
  const long long vec = 16 / static_cast<long long>(size_of(a.dtype));
  return first_reason({supports_v1(a, device), unaligned_rows(a.head_dim, a.dtype),
                       not_multiple("v_stride", a.v_stride, "a 16-byte vector,", vec),
                       above("head_dim", a.head_dim, vec * ATTENTION_VALUES_V2_BLOCK)});
}

std::string supports_v3(const AttentionValuesArgs& a, const Properties& device) {
  const long long vec = 16 / static_cast<long long>(size_of(a.dtype));
  return first_reason({supports_v1(a, device), not_one_query(a.t_max),
                       unaligned_rows(a.head_dim, a.dtype),
                       not_multiple("v_stride", a.v_stride, "a 16-byte vector,", vec)});
}

}  // namespace

const Op<AttentionValuesArgs>& attention_values_op() {
  static const Op<AttentionValuesArgs> op{
      "attention_values",
      {
          {"v3_sliced_columns",
           launch_attention_values_v3,
           supports_v3,
           {{"t_max", 1},
            {"s", ATTENTION_VALUES_V3_LANES},
            {"s", ATTENTION_VALUES_V3_LANES * ATTENTION_VALUES_V3_UNROLL},
            {"s", ATTENTION_VALUES_V3_LONG_S},
            {"head_dim", 16},
            {"head_dim", 32}}},
          {"v2_shared_values",
           launch_attention_values_v2,
           supports_v2,
           {{"t_max", 1}, {"t_max", ATTENTION_VALUES_V2_ROWS}, {"s", 8}, {"head_dim", 64}}},
          {"v1_row_per_block",
           launch_attention_values_v1,
           supports_v1,
           {{"s", 8}, {"head_dim", 128}}},
      }};
  return op;
}

}  // namespace assay
