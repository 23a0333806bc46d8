// For ops that move or map whole rows: element types by size alone, and blocks that fit a row.
#pragma once

#include <algorithm>
#include <climits>
#include <cstdint>

#include "kernels/device/convert.h"

namespace assay {

/// Threads for a block that walks rows of `width` elements: whole warps, at most `most`.
inline dim3 row_threads(long long width, int most = 256) {
  return dim3(static_cast<unsigned>(std::min<long long>((width + 31) / 32 * 32, most)));
}

/// Calls f(TypeTag<T>{}) with an unsigned integer T as wide as `dtype`: a copy keeps every bit, a
/// NaN's payload too.
template <class F>
void with_raw_type(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 4:
      return f(TypeTag<std::uint32_t>{});
    case 2:
      return f(TypeTag<std::uint16_t>{});
    case 1:
      return f(TypeTag<std::uint8_t>{});
    default:
      throw Error("no copy for elements of dtype " + std::string(name_of(dtype)));
  }
}

}  // namespace assay
