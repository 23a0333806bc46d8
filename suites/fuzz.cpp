#include "suites/fuzz.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

constexpr int MOST_TRIES = 1000;  // to find a possible case
constexpr int LINEAR_STEPS = 16;  // that shrinking goes down one by one
constexpr int SMALL = 9;          // values of a dimension, from its smallest, that count as small
constexpr int MULTIPLES[] = {4, 8, 16, 32, 64, 128};
constexpr int TAILS[] = {0, 0, 0, 0, -1, 1, 2, 3};
constexpr int SMALLER_LIMITS = 6;  // halvings of the limit, at most, for one case
constexpr int NEIGHBOURS[] = {-16, -8, -4, -1, 0, 0, 1, 4, 8, 16};

template <class Items>
auto pick(const Items& items, Random& random) {
  return items[static_cast<std::size_t>(random.between(0, static_cast<int>(std::size(items)) - 1))];
}

// Evenly spread over the orders of magnitude.
int draw_any(int low, int high, Random& random) {
  const double range = static_cast<double>(high) - low + 1.0;
  return low + std::min(high - low, static_cast<int>(std::pow(range, random.uniform())) - 1);
}

std::size_t place_of(const std::vector<Dimension>& dimensions, const std::string& name) {
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    if (dimensions[i].name == name) return i;
  }
  throw Error("no dimension '" + name + "'");
}

int rounded_up(int value, int step) {
  return static_cast<int>((static_cast<std::int64_t>(value) + step - 1) / step * step);
}

}  // namespace

bool affordable(const Case& c, const WorkLimit& limit) {
  double elements = 0.0;
  for (const Operand& operand : c.operands) {
    elements +=
        std::accumulate(operand.shape.begin(), operand.shape.end(), 1.0,
                        [](double a, std::int64_t b) { return a * static_cast<double>(b); });
  }
  return elements <= limit.elements && c.flops <= limit.flops;
}

void repair(const std::vector<Dimension>& dimensions, DimensionValues& values) {
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const Dimension& d = dimensions[i];
    int& value = values[i];
    value = std::max(value, d.smallest);
    if (!d.at_least.empty()) {
      value = std::max(value, values[place_of(dimensions, d.at_least)]);
    }
    value = rounded_up(value, d.step);
    if (!d.multiple_of.empty()) {
      value = rounded_up(value, std::max(1, values[place_of(dimensions, d.multiple_of)]));
    }
  }
}

CaseDrawer::CaseDrawer(const CaseFamily& family, std::uint64_t seed, WorkLimit limit)
    : family_(&family), random_(seed_for(seed, "fuzz/" + family.op)), limit_(limit) {}

int CaseDrawer::draw_value(const Dimension& d, std::size_t version) {
  if (!d.choices.empty()) return pick(d.choices, random_);
  std::vector<int> boundaries;
  for (const Boundary& boundary : family_->boundaries[version]) {
    if (d.name == boundary.dimension) boundaries.push_back(boundary.value);
  }
  const int way = random_.between(0, 99);
  int value = 0;
  if (way < 25) {
    value = d.smallest + random_.between(0, SMALL);
  } else if (way < 40) {
    const int most = std::max(1, static_cast<int>(std::log2(d.largest)));
    value = (1 << random_.between(1, most)) + random_.between(-1, 1);
  } else if (way < 65 && !boundaries.empty()) {
    value = pick(boundaries, random_) + pick(NEIGHBOURS, random_) * d.step;
  } else if (way < 85) {
    const int unit = pick(MULTIPLES, random_);
    value = unit * draw_any(1, std::max(1, d.largest / unit), random_) + pick(TAILS, random_);
  } else {
    value = draw_any(d.smallest, d.largest, random_);
  }
  return std::clamp(value, d.smallest, d.largest);
}

// Lets a dimension decide the one that divides it, as often as the other way round: so that odd
// numbers are divided at all, and groups of a whole row are drawn.
void CaseDrawer::draw_relation(DimensionValues& values) {
  const std::vector<Dimension>& dimensions = family_->dimensions;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    if (dimensions[i].multiple_of.empty()) continue;
    int& base = values[place_of(dimensions, dimensions[i].multiple_of)];
    const int way = random_.between(0, 3);
    if (way == 0) base = values[i];
    if (way == 1) base = std::gcd(base, values[i]);
  }
}

// Brings a case within the limit, by lowering dimensions at random.
void CaseDrawer::reduce(DimensionValues& values, DType dtype) {
  // Most cases well below the limit, so that there are many.
  const double share = 1.0 / (1 << random_.between(0, SMALLER_LIMITS));
  const WorkLimit limit{limit_.elements * share, limit_.flops * share};
  const auto last = static_cast<int>(values.size()) - 1;
  while (true) {
    repair(family_->dimensions, values);
    if (!family_->impossible(values).empty()) return;
    if (affordable(family_->make(values, dtype, ShapeSet::kCi), limit)) return;
    const auto i = static_cast<std::size_t>(random_.between(0, last));
    const Dimension& d = family_->dimensions[i];
    if (d.choices.empty()) values[i] = d.smallest + (values[i] - d.smallest) / 2;
  }
}

DrawnCase CaseDrawer::next(std::size_t version) {
  DrawnCase drawn{pick(family_->dtypes, random_), {}};
  for (int tries = 0; tries < MOST_TRIES; ++tries) {
    drawn.values.clear();
    for (const Dimension& d : family_->dimensions) {
      drawn.values.push_back(draw_value(d, version));
    }
    draw_relation(drawn.values);
    reduce(drawn.values, drawn.dtype);
    if (family_->impossible(drawn.values).empty()) return drawn;
  }
  throw Error("fuzz: " + std::to_string(MOST_TRIES) + " draws gave no possible case of " +
              family_->op + "; the last one: " + family_->impossible(drawn.values));
}

namespace {

// Smaller values for dimension `i`, the smallest first.
std::vector<int> smaller_values(const std::vector<Dimension>& dimensions,
                                const DimensionValues& values, std::size_t i) {
  const Dimension& d = dimensions[i];
  if (!d.choices.empty()) {
    const auto here = std::find(d.choices.begin(), d.choices.end(), values[i]);
    return {d.choices.begin(), here};
  }
  int step = d.step;
  if (!d.multiple_of.empty()) {
    step = std::lcm(step, std::max(1, values[place_of(dimensions, d.multiple_of)]));
  }
  std::vector<int> candidates{rounded_up(d.smallest, step)};
  for (int less = (values[i] - d.smallest) / 2; less > 0; less /= 2) {
    candidates.push_back(rounded_up(values[i] - less, step));
  }
  for (int less = LINEAR_STEPS; less > 0; --less) {
    candidates.push_back(static_cast<int>(values[i] - static_cast<std::int64_t>(less) * step));
  }
  std::vector<int> smaller;
  for (const int value : candidates) {
    const bool known = std::find(smaller.begin(), smaller.end(), value) != smaller.end();
    if (value >= d.smallest && value < values[i] && !known) smaller.push_back(value);
  }
  return smaller;
}

// `values` with dimension `i` at `value`: alone, and with its multiples lowered alongside.
std::vector<DimensionValues> lowered(const std::vector<Dimension>& dimensions,
                                     const DimensionValues& values, std::size_t i, int value) {
  std::vector<DimensionValues> ways{values, values};
  for (DimensionValues& way : ways) way[i] = value;
  for (std::size_t j = 0; j < dimensions.size(); ++j) {
    if (dimensions[j].multiple_of == dimensions[i].name && values[i] > 0) {
      ways[1][j] = values[j] / values[i] * value;
    }
  }
  if (ways[0] == ways[1]) ways.pop_back();
  return ways;
}

}  // namespace

Shrunk shrink(const std::vector<Dimension>& dimensions, DimensionValues failing,
              const std::function<bool(const DimensionValues&)>& fails,
              const std::function<bool()>& out_of_time) {
  Shrunk shrunk{std::move(failing)};
  std::set<DimensionValues> passed;
  // Lowers dimension `i` once, as far as it goes in one step.
  const auto lower = [&](std::size_t i) {
    for (const int value : smaller_values(dimensions, shrunk.values, i)) {
      for (DimensionValues& way : lowered(dimensions, shrunk.values, i, value)) {
        if (passed.count(way) > 0) continue;
        if (out_of_time()) {
          shrunk.finished = false;
          return false;
        }
        ++shrunk.tries;
        if (fails(way)) {
          shrunk.values = std::move(way);
          return true;
        }
        passed.insert(std::move(way));
      }
    }
    return false;
  };
  bool progress = true;
  while (progress && shrunk.finished) {
    progress = false;
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
      while (lower(i)) progress = true;
    }
  }
  return shrunk;
}

FuzzTally::Line& FuzzTally::line(const std::string& op, const std::string& version) {
  const auto found = std::find_if(lines_.begin(), lines_.end(), [&](const Line& l) {
    return l.op == op && l.version == version;
  });
  if (found != lines_.end()) return *found;
  lines_.push_back({op, version});
  return lines_.back();
}

void FuzzTally::expect(const std::string& op, const std::string& version) { line(op, version); }

void FuzzTally::count(const std::string& op, const std::string& version, Result result) {
  Line& of = line(op, version);
  if (result == Result::kPassed) ++of.passed;
  if (result == Result::kUnsupported) ++of.unsupported;
  if (result == Result::kFailed) ++of.failed;
}

std::string FuzzTally::summary() const {
  if (lines_.empty()) return "";
  std::string text = fmt::format("\n{:<20} {:<22} {:>8} {:>8} {:>12}\n", "fuzzed op", "version",
                                 "passed", "failed", "unsupported");
  std::string never;
  for (const Line& l : lines_) {
    text += fmt::format("{:<20} {:<22} {:>8} {:>8} {:>12}\n", l.op, l.version, l.passed, l.failed,
                        l.unsupported);
    if (l.passed + l.failed == 0) never += " " + l.op + "." + l.version;
  }
  return text + (never.empty() ? "Every version ran.\n" : "Never ran:" + never + "\n");
}

double fuzz_budget_s(const std::string& text) {
  char* end = nullptr;
  double seconds = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  if (unit == "m") seconds *= 60.0;
  if (unit == "h") seconds *= 3600.0;
  const bool known = unit.empty() || unit == "s" || unit == "m" || unit == "h";
  if (end == text.c_str() || !known || !std::isfinite(seconds) || seconds <= 0.0) {
    throw InputError("--fuzz '" + text + "' is not a length of time, as in 60s, 10m or 1h");
  }
  return seconds;
}

}  // namespace assay::suites
