#include "kernels/linear/linear.h"

#include "kernels/limits.h"
#include "kernels/linear/versions.h"

namespace assay {
namespace {

std::string unusable(const LinearArgs& a) {
  return first_reason({not_floating(a.dtype), not_positive("m", a.m), not_positive("n", a.n),
                       not_positive("k", a.k)});
}

// cuBLASLt rounds a 16-bit product before it adds a bias where rows of y are not whole 16 bytes:
// seen on an H200 as an error of 0.76 of bf16's step, with n 66.
std::string rounds_twice(const LinearArgs& a) {
  if (a.bias == nullptr || a.dtype == DType::kF32) return "";
  const std::string reason = unaligned_rows(a.n, a.dtype);
  return reason.empty() ? "" : "a bias on " + reason + ", else the result is rounded twice";
}

std::string supports_v1(const LinearArgs& a, const Properties&) {
  return first_reason({unusable(a), rounds_twice(a)});
}

std::string supports_v2(const LinearArgs& a, const Properties&) {
  return first_reason({unusable(a), above("n", a.n, 65535LL * LINEAR_V2_TILE)});
}

std::string supports_v3(const LinearArgs& a, const Properties&) {
  return first_reason({unusable(a), above("m", a.m, 1), unaligned_rows(a.k, a.dtype)});
}

}  // namespace

const Op<LinearArgs>& linear_op() {
  static const Op<LinearArgs> op{
      "linear",
      {
          {"v3_vector",
           launch_linear_v3,
           supports_v3,
           {{"m", 1}, {"n", LINEAR_V3_BLOCK_ROWS}, {"k", 256}, {"k", 1024}}},
          {"v1_blas", launch_linear_v1, supports_v1, {}},
          {"v2_tiled",
           launch_linear_v2,
           supports_v2,
           {{"m", LINEAR_V2_TILE}, {"n", LINEAR_V2_TILE}, {"k", LINEAR_V2_DEPTH}}},
      }};
  return op;
}

}  // namespace assay
