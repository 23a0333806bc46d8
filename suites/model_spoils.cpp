#include "suites/model_spoils.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "suites/model_checks.h"

namespace assay::suites {
namespace {

// The row that differs most from the one after it; rows - 1 where there is none after.
std::size_t most_distinct_row(const std::vector<double>& values, std::size_t width) {
  const std::size_t rows = values.size() / width;
  std::size_t best = 0;
  double largest = -1.0;
  for (std::size_t r = 0; r + 1 < rows; ++r) {
    double difference = 0.0;
    for (std::size_t i = r * width; i < (r + 1) * width; ++i) {
      difference = std::max(difference, std::abs(values[i] - values[i + width]));
    }
    if (difference > largest) {
      largest = difference;
      best = r;
    }
  }
  return best;
}

}  // namespace

void SpoilCount::count(const std::string& name, bool refused) {
  ++total;
  if (refused) ++killed;
  if (!refused && survivor.empty()) survivor = name;
}

SpoilCount& SpoilCount::operator+=(const SpoilCount& other) {
  killed += other.killed;
  total += other.total;
  if (survivor.empty()) survivor = other.survivor;
  return *this;
}

SpoilCount spoil(const SpoilSubject& subject, const Answer& answer) {
  SpoilCount counts;
  const std::vector<double>& truth = answer.exact;
  if (truth.empty()) return counts;
  HostTensor right(subject.dtype, {static_cast<std::int64_t>(truth.size())});
  for (std::size_t i = 0; i < truth.size(); ++i) right.set(i, truth[i]);

  const auto show = [&](const char* name, const std::vector<double>& values) {
    HostTensor wrong(right.dtype, right.shape);
    for (std::size_t i = 0; i < values.size(); ++i) wrong.set(i, values[i]);
    if (wrong.bytes == right.bytes) return;
    counts.count(name,
                 !judge(subject.name, wrong, answer, subject.longest_sum, subject.roundings).pass);
  };

  show("zeros", std::vector<double>(truth.size(), 0.0));

  std::vector<double> wrong = truth;
  wrong.back() = std::numeric_limits<double>::quiet_NaN();
  show("a NaN in the last element", wrong);

  double largest = 0.0;
  for (const double value : truth) largest = std::max(largest, std::abs(value));
  const double noticed = std::max(0.01, 16.0 * relative_floor(subject.dtype, 0)) *
                         std::sqrt(static_cast<double>(subject.roundings));
  wrong = truth;
  wrong[wrong.size() / 2] += noticed * largest;
  show("one element off", wrong);

  wrong = truth;
  std::rotate(wrong.begin(), wrong.begin() + 1, wrong.end());
  show("one element on", wrong);

  const auto width = static_cast<std::ptrdiff_t>(subject.width);
  if (width > 1 && static_cast<std::ptrdiff_t>(truth.size()) >= 2 * width) {
    wrong = truth;
    std::rotate(wrong.begin(), wrong.begin() + width, wrong.end());
    show("the neighbouring row", wrong);

    wrong = truth;
    const auto row = wrong.begin() + width * static_cast<std::ptrdiff_t>(most_distinct_row(
                                                 truth, static_cast<std::size_t>(width)));
    std::swap_ranges(row, row + width, row + width);
    show("two rows swapped", wrong);
  }
  if (subject.input != nullptr && subject.input->size() == truth.size()) {
    show("the input in place of the output", *subject.input);
  }
  return counts;
}

}  // namespace assay::suites
