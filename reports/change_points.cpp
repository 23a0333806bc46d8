#include "reports/change_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/device/error.h"

namespace assay::reports {
namespace {

struct Split {
  std::size_t at = 0;    // first value of the right side; 0: none
  double statistic = 0;  // Q of the paper
};

// The split of `values` with the largest statistic, in O(n^2): from one split to the next, one
// value goes from the right side to the left.
Split best_split(std::span<const double> values, std::size_t least) {
  Split best;
  const std::size_t n = values.size();
  if (n < 2 * least) return best;
  double within_left = 0;  // sums of |a - b| over pairs
  double within_right = 0;
  double across = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j) within_right += std::fabs(values[i] - values[j]);
  for (std::size_t at = 1; at + least <= n; ++at) {
    const double moved = values[at - 1];
    double to_left = 0;
    double to_right = 0;
    for (std::size_t i = 0; i + 1 < at; ++i) to_left += std::fabs(moved - values[i]);
    for (std::size_t i = at; i < n; ++i) to_right += std::fabs(moved - values[i]);
    within_left += to_left;
    within_right -= to_right;
    across += to_right - to_left;
    if (at < least) continue;
    const auto left = static_cast<double>(at);
    const auto right = static_cast<double>(n - at);
    const double energy = 2 * across / (left * right) - 2 * within_left / (left * (left - 1)) -
                          2 * within_right / (right * (right - 1));
    const double statistic = energy * left * right / (left + right);
    if (statistic > best.statistic) best = {at, statistic};
  }
  return best;
}

struct Segment {
  std::size_t begin;
  std::size_t end;
  Split best;
};

// True if at most a share `false_alarm` of permutations within the segments reach `statistic`.
bool is_significant(double statistic, std::span<const double> values,
                    const std::vector<Segment>& segments, const ChangePointOptions& options,
                    std::mt19937_64& random) {
  const auto most =
      static_cast<std::size_t>(options.false_alarm * static_cast<double>(options.permutations + 1));
  if (most < 1) return false;
  std::size_t reached = 1;  // the series itself is one of the permutations
  std::vector<double> shuffled(values.begin(), values.end());
  for (std::size_t p = 0; p < options.permutations; ++p) {
    double largest = 0;
    for (const Segment& segment : segments) {
      if (segment.end - segment.begin < 2 * options.least_segment) continue;
      const std::span part =
          std::span(shuffled).subspan(segment.begin, segment.end - segment.begin);
      // Fisher and Yates, by hand: std::shuffle's order differs between libraries.
      for (std::size_t i = part.size() - 1; i > 0; --i)
        std::swap(part[i], part[random() % (i + 1)]);
      largest = std::max(largest, best_split(part, options.least_segment).statistic);
    }
    // Sums in another order differ in their last bits.
    reached += largest >= statistic * (1 - 1e-9);
    if (reached > most) return false;
  }
  return true;
}

}  // namespace

std::vector<std::size_t> find_change_points(std::span<const double> values,
                                            const ChangePointOptions& options) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error(fmt::format("change points: value {} is {}", i, values[i]));
  const std::size_t least = std::max<std::size_t>(options.least_segment, 2);
  ChangePointOptions used = options;
  used.least_segment = least;
  std::mt19937_64 random(options.seed);
  std::vector<Segment> segments = {{0, values.size(), best_split(values, least)}};
  double scale = 0;
  for (const double value : values) scale = std::max(scale, std::fabs(value));
  for (;;) {
    const auto candidate = std::ranges::max_element(
        segments, {}, [](const Segment& segment) { return segment.best.statistic; });
    const Split split = candidate->best;
    if (split.at == 0 || split.statistic <= 1e-12 * scale) break;
    if (!is_significant(split.statistic, values, segments, used, random)) break;
    const Segment whole = *candidate;
    const std::size_t middle = whole.begin + split.at;
    *candidate = {whole.begin, middle, best_split(values.subspan(whole.begin, split.at), least)};
    segments.push_back(
        {middle, whole.end, best_split(values.subspan(middle, whole.end - middle), least)});
  }
  std::vector<std::size_t> found;
  for (const Segment& segment : segments)
    if (segment.begin > 0) found.push_back(segment.begin);
  std::ranges::sort(found);
  return found;
}

}  // namespace assay::reports
