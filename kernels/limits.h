// Reasons for which a version refuses a problem, in words. "" means that there is none.
#pragma once

#include <initializer_list>
#include <string>

#include "kernels/device/dtype.h"

namespace assay {

/// The first of `reasons` that is not empty.
inline std::string first_reason(std::initializer_list<std::string> reasons) {
  for (const std::string& reason : reasons) {
    if (!reason.empty()) return reason;
  }
  return "";
}

inline std::string not_positive(const char* what, long long value) {
  return value > 0 ? "" : std::string(what) + " is " + std::to_string(value) + ", not positive";
}

inline std::string not_multiple(const char* what, long long value, const char* of, long long by) {
  return by > 0 && value % by == 0 ? ""
                                   : std::string(what) + " " + std::to_string(value) +
                                         " is not a multiple of " + of + " " + std::to_string(by);
}

inline std::string above(const char* what, long long value, long long most) {
  return value <= most ? ""
                       : std::string(what) + " is " + std::to_string(value) + ", above " +
                             std::to_string(most);
}

/// "" for a decode step.
inline std::string not_one_query(int t_max) {
  return t_max == 1 ? "" : "t_max is " + std::to_string(t_max) + "; it takes one query row";
}

/// "" where `dtype` is a floating type that kernels compute in.
inline std::string not_floating(DType dtype) {
  if (dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16) return "";
  return "dtype " + std::string(name_of(dtype)) + " is not one of fp32, fp16, bf16";
}

/// "" or why 16-byte accesses to rows of `width` elements would be misaligned.
inline std::string unaligned_rows(int width, DType dtype) {
  const int vec = 16 / static_cast<int>(size_of(dtype));
  if (width % vec == 0) return "";
  return "rows of " + std::to_string(width) + " elements; " + std::string(name_of(dtype)) +
         " needs a multiple of " + std::to_string(vec) + " for 16-byte accesses";
}

}  // namespace assay
