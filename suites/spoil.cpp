#include "suites/spoil.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace assay::suites {
namespace {

constexpr std::size_t TILE = 32;           // elements: the least that a warp writes at once
constexpr unsigned char UNWRITTEN = 0xFF;  // the poison of a run: NaN in every floating type

bool is_floating(DType dtype) { return dtype != DType::kI32 && dtype != DType::kU8; }

std::size_t extent(const HostTensor& t, std::size_t axis) {
  return static_cast<std::size_t>(t.shape[axis]);
}

std::size_t row_length(const HostTensor& t) {
  return t.shape.empty() ? t.count() : extent(t, t.shape.size() - 1);
}

void fill(HostTensor& t, std::size_t first, std::size_t count, unsigned char byte) {
  const std::size_t size = size_of(t.dtype);
  std::memset(t.bytes.data() + first * size, byte, count * size);
}

void copy_elements(HostTensor& t, std::size_t to, std::size_t from, std::size_t count) {
  const std::size_t size = size_of(t.dtype);
  std::memmove(t.bytes.data() + to * size, t.bytes.data() + from * size, count * size);
}

// The next value of the type: away from zero for floating types, up for integers.
void nudge(HostTensor& t, std::size_t i) {
  unsigned char* element = t.bytes.data() + i * size_of(t.dtype);
  const auto add_one = [element](auto bits) {
    std::memcpy(&bits, element, sizeof(bits));
    ++bits;
    std::memcpy(element, &bits, sizeof(bits));
  };
  if (size_of(t.dtype) == 1) return add_one(std::uint8_t{});
  if (size_of(t.dtype) == 2) return add_one(std::uint16_t{});
  add_one(std::uint32_t{});
}

// Moves element i by at least `amount`, towards zero, where types are finest.
void move_element(HostTensor& t, std::size_t i, double amount) {
  if (amount == 0.0) return nudge(t, i);
  const double before = t.get(i);
  const double sign = before > 0.0 ? -1.0 : 1.0;
  for (double step = amount; std::abs(t.get(i) - before) < amount; step *= 1.01) {
    t.set(i, before + sign * step);
  }
}

// Copies entry `extent - 2` of an axis over entry `extent - 1`.
void copy_neighbour(HostTensor& t, std::size_t axis) {
  std::size_t inner = 1;
  for (std::size_t a = axis + 1; a < t.shape.size(); ++a) inner *= extent(t, a);
  const std::size_t stride = inner * extent(t, axis);
  for (std::size_t start = 0; start < t.count(); start += stride) {
    copy_elements(t, start + stride - inner, start + stride - 2 * inner, inner);
  }
}

void swap_rows(HostTensor& t, std::size_t a, std::size_t b) {
  const std::size_t bytes = row_length(t) * size_of(t.dtype);
  std::swap_ranges(t.bytes.begin() + static_cast<std::ptrdiff_t>(a * bytes),
                   t.bytes.begin() + static_cast<std::ptrdiff_t>((a + 1) * bytes),
                   t.bytes.begin() + static_cast<std::ptrdiff_t>(b * bytes));
}

bool noticed(double spoiled, double correct, double amount) {
  if (spoiled == correct || (std::isnan(spoiled) && std::isnan(correct))) return false;
  return !(std::abs(spoiled - correct) < amount);  // true for NaN
}

// The first row, from the end, that nobody would take for the last one; or none.
std::size_t unlike_the_last_row(const HostTensor& t, double amount) {
  const std::size_t row = row_length(t);
  const std::size_t last = t.count() - row;
  for (std::size_t start = last; start >= row; start -= row) {
    for (std::size_t i = 0; i < row; ++i) {
      if (noticed(t.get(start - row + i), t.get(last + i), amount)) return start / row - 1;
    }
  }
  return last / row;
}

}  // namespace

double noticeable(DType dtype) {
  if (dtype == DType::kF32) return 0x1p-13;
  if (dtype == DType::kF16) return 8 * 0x1p-11;
  if (dtype == DType::kBF16) return 8 * 0x1p-8;
  return 0.0;
}

Least least_noticed(const HostTensor& correct, double noticeable) {
  if (noticeable == 0.0) return {};
  double largest = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < correct.count(); ++i) {
    const double value = correct.get(i);
    if (!std::isfinite(value)) continue;
    largest = std::max(largest, std::abs(value));
    squares += value * value;
  }
  const double count = static_cast<double>(std::max<std::size_t>(correct.count(), 1));
  return {noticeable * largest, noticeable * std::sqrt(squares / count)};
}

std::vector<TensorSpoil> general_spoils(const HostTensor& correct, const Least& least) {
  const std::size_t count = correct.count();
  if (count == 0) return {};
  const std::size_t row = row_length(correct);
  const std::size_t tile = std::min(TILE, row);
  const std::size_t middle = count / 2;
  std::vector<TensorSpoil> spoils;
  const auto add = [&](const std::string& name, std::function<void(HostTensor&)> apply) {
    spoils.push_back({name, std::move(apply)});
  };
  const auto add_filled = [&](const std::string& place, std::size_t first, std::size_t elements) {
    add(place + "_unwritten", [=](HostTensor& t) { fill(t, first, elements, UNWRITTEN); });
    add(place + "_zero", [=](HostTensor& t) { fill(t, first, elements, 0); });
  };
  add("one_off", [=](HostTensor& t) { move_element(t, middle, least.of_one); });
  add("all_off", [=](HostTensor& t) {
    for (std::size_t i = 0; i < count; ++i) move_element(t, i, least.of_all);
  });
  add_filled("tail", count - tile, tile);
  add_filled("all", 0, count);
  add_filled("last_row", count - row, row);
  add("one_unwritten", [=](HostTensor& t) { fill(t, middle, 1, UNWRITTEN); });
  if (is_floating(correct.dtype)) {
    add("one_infinite",
        [=](HostTensor& t) { t.set(middle, std::numeric_limits<double>::infinity()); });
  }
  if (count > row) {
    const std::size_t other = unlike_the_last_row(correct, least.of_one);
    add("rows_swapped", [=](HostTensor& t) { swap_rows(t, other, count / row - 1); });
  }
  for (std::size_t axis = 0; axis < correct.shape.size(); ++axis) {
    if (correct.shape[axis] < 2) continue;
    add(fmt::format("neighbour_on_axis_{}", axis), [=](HostTensor& t) { copy_neighbour(t, axis); });
  }
  add("shifted_by_one", [=](HostTensor& t) { copy_elements(t, 1, 0, count - 1); });
  return spoils;
}

SpoilTrial::SpoilTrial(std::vector<HostTensor> correct, std::vector<Least> least, Compare compare)
    : correct_(std::move(correct)), least_(std::move(least)), compare_(std::move(compare)) {
  const Verdict verdict = compare_(correct_);
  if (!verdict.pass) report_.accepted = "the truth itself is refused: " + verdict.describe();
}

bool SpoilTrial::differs(const HostTensor& spoiled, std::size_t output) const {
  const HostTensor& correct = correct_[output];
  const Least& least = least_[output];
  double squares = 0.0;
  for (std::size_t i = 0; i < spoiled.count(); ++i) {
    const double a = spoiled.get(i);
    const double b = correct.get(i);
    if (noticed(a, b, least.of_one)) return true;
    if (a != b && std::isfinite(b)) squares += (a - b) * (a - b);
  }
  return squares > 0.0 &&
         squares >= least.of_all * least.of_all * static_cast<double>(spoiled.count());
}

void SpoilTrial::show(const std::string& name, const std::vector<HostTensor>& spoiled) {
  bool different = false;
  for (std::size_t i = 0; i < spoiled.size() && !different; ++i) different = differs(spoiled[i], i);
  if (!different) return;
  report_.shown += 1;
  report_.names.push_back(name);
  const Verdict verdict = compare_(spoiled);
  if (!verdict.pass) {
    report_.refused += 1;
  } else if (report_.accepted.empty()) {
    report_.accepted =
        fmt::format("the comparison accepts a spoiled output, {}: {}", name, verdict.describe());
  }
}

void SpoilTrial::show_general(bool few) {
  for (std::size_t i = 0; i < correct_.size(); ++i) {
    for (const TensorSpoil& spoil : general_spoils(correct_[i], least_[i])) {
      if (few && spoil.name != "one_off" && spoil.name != "tail_unwritten") continue;
      std::vector<HostTensor> spoiled = correct_;
      spoil.apply(spoiled[i]);
      show(correct_.size() == 1 ? spoil.name : fmt::format("{}[{}]", spoil.name, i), spoiled);
    }
  }
}

void SpoilTrial::show_copied(const std::string& name, const HostTensor& copied) {
  for (std::size_t i = 0; i < correct_.size(); ++i) {
    if (copied.dtype != correct_[i].dtype || copied.count() != correct_[i].count()) continue;
    std::vector<HostTensor> spoiled = correct_;
    spoiled[i].bytes = copied.bytes;
    show(correct_.size() == 1 ? name : fmt::format("{}[{}]", name, i), spoiled);
  }
}

SpoilReport try_general_spoils(const HostTensor& correct, double noticeable,
                               const std::function<Verdict(const HostTensor&)>& compare) {
  SpoilTrial trial({correct}, {least_noticed(correct, noticeable)},
                   [&](const std::vector<HostTensor>& found) { return compare(found[0]); });
  trial.show_general();
  return trial.report();
}

}  // namespace assay::suites
