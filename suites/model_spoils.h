// Wrong outputs that a comparison of a model's tensor must refuse, shown to the comparison itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/check.h"
#include "suites/model_oracle.h"

namespace assay::suites {

/// How many spoiled outputs a comparison was shown, how many it refused, and the first it took.
struct SpoilCount {
  int killed = 0;
  int total = 0;
  std::string survivor;

  void count(const std::string& name, bool refused);
  SpoilCount& operator+=(const SpoilCount& other);
};

/// What a spoil of one tensor needs to know of it.
struct SpoilSubject {
  std::string name;
  DType dtype;
  std::int64_t width = 1;                      // of a row; the elements of a row belong together
  int longest_sum = 1;                         // as in judge()
  int roundings = 1;                           // as in judge()
  const std::vector<double>* input = nullptr;  // of the op, where it has the output's size
};

/// Shows judge() the truth as the dtype holds it, spoiled: zeros, a NaN, one element off,
/// everything one element on, the neighbouring row's data in every row, two rows swapped, the input
/// in the place of the output. A spoil that changes nothing there (all rows equal, say) is not
/// counted.
///
/// One element is off by 1 % of the largest value or by 16 roundings of the dtype, whichever is
/// more, times the root of the roundings on the way: less than that is no bug but a rounding.
SpoilCount spoil(const SpoilSubject& subject, const Answer& answer);

}  // namespace assay::suites
