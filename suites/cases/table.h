// From an op's table of shapes to its cases: each shape at each dtype, then the version table's
// boundaries.
#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "suites/cases/cases.h"

namespace assay::suites {

inline const std::vector<DType> FLOAT_DTYPES{DType::kF32, DType::kF16, DType::kBF16};

/// `make(shape, dtype)` builds a case; `at(dimension, value)` answers the shape of a boundary case,
/// or nothing where there is none.
template <class Shape, std::size_t N, class Make, class At>
std::vector<Case> cases_from_table(const Shape (&shapes)[N], const std::vector<DType>& dtypes,
                                   const Make& make, const At& at) {
  std::vector<Case> cases;
  for (const DType dtype : dtypes) {
    std::vector<Case> of_dtype;
    for (const Shape& shape : shapes) of_dtype.push_back(make(shape, dtype));
    add_boundary_cases(of_dtype, [&](const std::string& dimension, int value) {
      const std::optional<Shape> shape = at(dimension, value);
      return shape ? std::optional(make(*shape, dtype)) : std::nullopt;
    });
    std::move(of_dtype.begin(), of_dtype.end(), std::back_inserter(cases));
  }
  return cases;
}

/// Device pointers as the Args structs want them.
inline const int* as_ints(const void* data) { return static_cast<const int*>(data); }
inline int* as_ints(void* data) { return static_cast<int*>(data); }

}  // namespace assay::suites
