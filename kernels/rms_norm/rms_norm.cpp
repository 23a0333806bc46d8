#include "kernels/rms_norm/rms_norm.h"

#include "kernels/limits.h"
#include "kernels/rms_norm/versions.h"

namespace assay {
namespace {

std::string supports_v1(const RmsNormArgs& a, const Properties&) {
  return first_reason(
      {not_floating(a.dtype), not_positive("rows", a.rows), not_positive("width", a.width)});
}

std::string supports_v2(const RmsNormArgs& a, const Properties& device) {
  const std::size_t row_bytes = static_cast<std::size_t>(a.width) * size_of(a.dtype);
  return first_reason({supports_v1(a, device), unaligned_rows(a.width, a.dtype),
                       row_bytes > RMS_NORM_V2_MAX_BYTES
                           ? "rows of " + std::to_string(row_bytes) + " bytes; at most " +
                                 std::to_string(RMS_NORM_V2_MAX_BYTES) + " fit in registers"
                           : ""});
}

}  // namespace

const Op<RmsNormArgs>& rms_norm_op() {
  static const Op<RmsNormArgs> op{
      "rms_norm",
      {
          {"v2_registers",
           launch_rms_norm_v2,
           supports_v2,
           {{"width", 2048},
            {"width", RMS_NORM_V2_MAX_BYTES / 4},
            {"width", RMS_NORM_V2_MAX_BYTES / 2}}},
          {"v1_two_pass", launch_rms_norm_v1, supports_v1, {{"width", 256}}},
      }};
  return op;
}

}  // namespace assay
