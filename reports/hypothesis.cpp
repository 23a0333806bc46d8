#include "reports/hypothesis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

namespace assay::reports {
namespace {

constexpr double NEGLIGIBLE = 1e-9;

double real(std::size_t n) { return static_cast<double>(n); }

// P(|R - E R| >= |r - E R|) for the sum R of n of these doubled mid-ranks, every choice alike.
double exact_rank_p(const std::vector<int>& doubled_ranks, std::size_t n, int observed) {
  const auto most = static_cast<std::size_t>(
      std::accumulate(doubled_ranks.begin(), doubled_ranks.end(), std::int64_t{0}));
  // ways[k][s]: choices of k of the ranks so far that sum to s.
  std::vector<std::vector<double>> ways(n + 1, std::vector<double>(most + 1));
  ways[0][0] = 1;
  for (const int rank : doubled_ranks) {
    const auto r = static_cast<std::size_t>(rank);
    for (std::size_t k = n; k > 0; --k)
      for (std::size_t s = most; s >= r; --s) ways[k][s] += ways[k - 1][s - r];
  }
  // Times two once more, so that the mean is whole.
  const auto total = static_cast<double>(most);
  const double mean = total * real(n) / real(doubled_ranks.size());
  const double distance = std::abs(observed - mean) - 1e-6;
  double extreme = 0;
  double all = 0;
  for (std::size_t s = 0; s <= most; ++s) {
    all += ways[n][s];
    if (std::abs(real(s) - mean) >= distance) extreme += ways[n][s];
  }
  return std::min(1.0, extreme / all);
}

// The distribution of the median of m draws, m odd, out of n order statistics.
struct MedianWeights {
  std::size_t first = 0;           // order statistic of the first weight
  std::vector<double> weight;      // probability of each from there on; negligible tails cut off
  std::vector<double> cumulative;  // cumulative[i]: of the first i weights
};

MedianWeights make_median_weights(std::size_t n, std::size_t m) {
  MedianWeights made;
  double below = 0;
  for (std::size_t i = 0; i < n; ++i) {
    // The median is at most the i-th iff at least (m + 1) / 2 draws are.
    const double p = real(i + 1) / real(n);
    // Beyond ten standard deviations nothing is left to sum.
    const double off = (p - 0.5) * 2 * std::sqrt(real(m));
    const double at_most = off < -10 ? 0 : off > 10 ? 1 : binomial_upper_tail(m, p, (m + 1) / 2);
    const double weight = at_most - below;
    below = at_most;
    if (weight < NEGLIGIBLE) {
      if (made.weight.empty()) continue;
      break;
    }
    if (made.weight.empty()) made.first = i;
    made.weight.push_back(weight);
  }
  const double sum = std::accumulate(made.weight.begin(), made.weight.end(), 0.0);
  made.cumulative.push_back(0);
  for (double& weight : made.weight) {
    weight /= sum;
    made.cumulative.push_back(made.cumulative.back() + weight);
  }
  return made;
}

const MedianWeights& median_weights(std::size_t n, double effective) {
  auto m = static_cast<std::size_t>(std::clamp(effective, 1.0, real(n)));
  if (m % 2 == 0) --m;
  thread_local std::unordered_map<std::uint64_t, MedianWeights> known;
  const std::uint64_t key = (std::uint64_t{n} << 32) | m;
  const auto found = known.find(key);
  return found != known.end() ? found->second
                              : known.emplace(key, make_median_weights(n, m)).first->second;
}

// Logarithms of the order statistics that have a weight.
std::vector<double> weighted_logs(std::span<const double> ascending, const MedianWeights& weights) {
  std::vector<double> logs(weights.weight.size());
  for (std::size_t i = 0; i < logs.size(); ++i) logs[i] = std::log(ascending[weights.first + i]);
  return logs;
}

// How many pairs x > y there may be at the most for the chance of so few, all orders alike, to be
// at most `tail`; none where even no pair is more likely than that.
std::optional<std::size_t> rank_quantile(std::size_t n, std::size_t m, double tail) {
  // The number of orders with u such pairs is the coefficient of q^u in the Gaussian binomial, here
  // scaled to chances by a factor at a time.
  std::vector<double> chance(n * m + 1);
  chance[0] = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t u = chance.size(); u-- > m + i;) chance[u] -= chance[u - m - i];
    for (std::size_t u = i; u < chance.size(); ++u) chance[u] += chance[u - i];
    for (double& c : chance) c *= real(i) / real(m + i);
  }
  std::optional<std::size_t> found;
  double sum = 0;
  for (std::size_t u = 0; u < chance.size(); ++u) {
    sum += chance[u];
    if (sum > tail) break;
    found = u;
  }
  return found;
}

// Pairs i < j with values[i] > values[j], by merge sort, which sorts `values`.
std::int64_t count_inversions(std::vector<double>& values) {
  std::vector<double> merged(values.size());
  std::int64_t inversions = 0;
  for (std::size_t width = 1; width < values.size(); width *= 2) {
    for (std::size_t begin = 0; begin < values.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, values.size());
      const std::size_t end = std::min(begin + 2 * width, values.size());
      std::size_t left = begin;
      std::size_t right = middle;
      for (std::size_t at = begin; at < end; ++at) {
        if (right == end || (left < middle && values[left] <= values[right])) {
          merged[at] = values[left++];
        } else {
          inversions += static_cast<std::int64_t>(middle - left);
          merged[at] = values[right++];
        }
      }
    }
    values.swap(merged);
  }
  return inversions;
}

}  // namespace

double normal_two_sided(double z) { return std::erfc(std::abs(z) / std::numbers::sqrt2); }

double binomial_upper_tail(std::size_t n, double p, std::size_t k) {
  if (k == 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  // Sum the side that does not hold the bulk, outwards, where terms only get smaller.
  const bool upper = real(k) > real(n) * p;
  std::size_t i = upper ? k : k - 1;
  double term =
      std::exp(std::lgamma(real(n) + 1) - std::lgamma(real(i) + 1) - std::lgamma(real(n - i) + 1) +
               real(i) * std::log(p) + real(n - i) * std::log1p(-p));
  double sum = 0;
  for (;;) {
    sum += term;
    if (term <= sum * 1e-16 || i == (upper ? n : 0)) break;
    if (upper) {
      term *= real(n - i) / real(i + 1) * (p / (1 - p));
      ++i;
    } else {
      term *= real(i) / real(n - i + 1) * ((1 - p) / p);
      --i;
    }
  }
  return std::clamp(upper ? sum : 1 - sum, 0.0, 1.0);
}

Interval rate_interval(std::size_t hits, std::size_t trials, double confidence) {
  const double tail = (1 - confidence) / 2;
  // The rate at which P(X >= k) is `level`; it grows with the rate.
  const auto solve = [&](std::size_t k, double level) {
    double low = 0;
    double high = 1;
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      (binomial_upper_tail(trials, middle, k) < level ? low : high) = middle;
    }
    return (low + high) / 2;
  };
  return {hits == 0 ? 0.0 : solve(hits, tail), hits >= trials ? 1.0 : solve(hits + 1, 1 - tail)};
}

RankTest mann_whitney(std::span<const double> x, std::span<const double> y,
                      double variance_factor) {
  RankTest test;
  if (x.empty() || y.empty()) return test;
  const std::size_t n = x.size() + y.size();
  std::vector<int> doubled_ranks;
  if (n <= EXACT_RANK_TEST) doubled_ranks.reserve(n);
  std::int64_t doubled_u = 0;
  int doubled_x_ranks = 0;
  double ties = 0;  // sum of t^3 - t
  for (std::size_t i = 0, j = 0; i < x.size() || j < y.size();) {
    const double value = j == y.size() || (i < x.size() && x[i] <= y[j]) ? x[i] : y[j];
    const std::size_t first_x = i;
    const std::size_t first_y = j;
    while (i < x.size() && x[i] == value) ++i;
    while (j < y.size() && y[j] == value) ++j;
    const std::size_t tied_x = i - first_x;
    const std::size_t tied_y = j - first_y;
    const double t = real(tied_x + tied_y);
    ties += t * t * t - t;
    doubled_u += static_cast<std::int64_t>(tied_y * (2 * first_x + tied_x));
    if (n > EXACT_RANK_TEST) continue;
    const auto rank = static_cast<int>(2 * (first_x + first_y) + tied_x + tied_y + 1);
    doubled_ranks.insert(doubled_ranks.end(), tied_x + tied_y, rank);
    doubled_x_ranks += static_cast<int>(tied_x) * rank;
  }
  const double pairs = real(x.size()) * real(y.size());
  test.u = static_cast<double>(doubled_u) / 2;
  test.cliffs_delta = 2 * test.u / pairs - 1;
  if (n <= EXACT_RANK_TEST && variance_factor <= 1) {
    test.p = exact_rank_p(doubled_ranks, x.size(), doubled_x_ranks);
    return test;
  }
  const double variance = pairs / 12 * (real(n) + 1 - ties / (real(n) * (real(n) - 1))) *
                          std::max(1.0, variance_factor);
  const double distance = std::max(0.0, std::abs(test.u - pairs / 2) - 0.5);
  test.p = variance > 0 ? normal_two_sided(distance / std::sqrt(variance)) : 1;
  return test;
}

std::vector<double> false_discovery_rates(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> q(p.size());
  double least = 1;
  for (std::size_t i = p.size(); i-- > 0;) {
    least = std::min(least, p[order[i]] * real(p.size()) / real(i + 1));
    q[order[i]] = least;
  }
  return q;
}

LogRatio median_log_ratio(std::span<const double> x, std::span<const double> y, double effective_x,
                          double effective_y, double confidence) {
  const MedianWeights& wx = median_weights(x.size(), effective_x);
  const MedianWeights& wy = median_weights(y.size(), effective_y);
  const std::vector<double> log_x = weighted_logs(x, wx);
  const std::vector<double> log_y = weighted_logs(y, wy);
  const auto at_most = [&](double t) {  // P(log_y - log_x <= t)
    double probability = 0;
    std::size_t below = 0;
    for (std::size_t i = 0; i < log_x.size(); ++i) {
      while (below < log_y.size() && log_y[below] - log_x[i] <= t) ++below;
      probability += wx.weight[i] * wy.cumulative[below];
    }
    return probability;
  };
  const auto solve = [&](double level) {
    double low = log_y.front() - log_x.back() - 1e-9;
    double high = log_y.back() - log_x.front();
    while (high - low > 1e-7) {
      const double middle = (low + high) / 2;
      (at_most(middle) < level ? low : high) = middle;
    }
    return high;
  };
  const double tail = (1 - confidence) / 2;
  LogRatio ratio;
  ratio.estimate = std::log(quantile(y, 0.5) / quantile(x, 0.5));
  // An even number's median lies between two order statistics and so may lie outside.
  ratio.low = std::min(solve(tail), ratio.estimate);
  ratio.high = std::max(solve(1 - tail), ratio.estimate);
  return ratio;
}

LogRatio shift_log_ratio(std::span<const double> x, std::span<const double> y, double confidence) {
  constexpr double FAR = std::numeric_limits<double>::infinity();
  LogRatio shift{0, -FAR, FAR};
  if (x.empty() || y.empty()) return shift;
  std::vector<double> differences;
  differences.reserve(x.size() * y.size());
  for (const double a : x)
    for (const double b : y) differences.push_back(std::log(b / a));
  std::ranges::sort(differences);
  shift.estimate = quantile(differences, 0.5);
  if (const auto outside = rank_quantile(x.size(), y.size(), (1 - confidence) / 2)) {
    shift.low = differences[*outside];
    shift.high = differences[differences.size() - 1 - *outside];
  }
  return shift;
}

std::vector<double> mid_ranks(std::span<const double> samples, std::vector<double>& ascending) {
  std::vector<std::pair<double, std::size_t>> order(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) order[i] = {samples[i], i};
  std::ranges::sort(order);
  std::vector<double> ranks(samples.size());
  ascending.resize(samples.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && order[end].first == order[begin].first) ++end;
    for (std::size_t i = begin; i < end; ++i) {
      ranks[order[i].second] = real(begin + end + 1) / 2;
      ascending[i] = order[i].first;
    }
  }
  return ranks;
}

double trend_p(std::span<const double> ranks) {
  const double n = real(ranks.size());
  if (ranks.size() < 3) return 1;
  std::vector<double> sorted(ranks.begin(), ranks.end());
  const auto falls = static_cast<double>(count_inversions(sorted));
  double tied_pairs = 0;
  double ties = 0;
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    while (end < sorted.size() && sorted[end] == sorted[begin]) ++end;
    const double t = real(end - begin);
    tied_pairs += t * (t - 1) / 2;
    ties += t * (t - 1) * (2 * t + 5);
  }
  const double s = n * (n - 1) / 2 - tied_pairs - 2 * falls;
  const double variance = (n * (n - 1) * (2 * n + 5) - ties) / 18;
  return variance > 0 ? normal_two_sided(std::max(0.0, std::abs(s) - 1) / std::sqrt(variance)) : 1;
}

double effective_size(std::span<const double> ranks) {
  const double n = real(ranks.size());
  if (ranks.size() < 8) return n;
  const double mean = (n + 1) / 2;
  double products = 0;
  double squares = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    squares += (ranks[i] - mean) * (ranks[i] - mean);
    if (i > 0) products += (ranks[i] - mean) * (ranks[i - 1] - mean);
  }
  if (squares <= 0) return n;
  const double r = products / squares;
  return r * std::sqrt(n) > 1.96 ? n * (1 - r) / (1 + r) : n;
}

Modes find_modes(std::span<const double> ascending, double least_share) {
  const std::size_t n = ascending.size();
  const auto least =
      std::max<std::size_t>(2, static_cast<std::size_t>(std::ceil(least_share * real(n))));
  if (2 * least > n) return {};
  // Sums of logarithms, taken from the middle one so that their squares keep their digits.
  const double origin = std::log(ascending[n / 2]);
  std::vector<double> logs(n);
  double total = 0;
  double total_squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    logs[i] = std::log(ascending[i]) - origin;
    total += logs[i];
    total_squares += logs[i] * logs[i];
  }
  const auto spread = [](double sum, double squares, double count) {
    return std::max(0.0, squares - sum * sum / count);
  };
  Modes best;
  double best_spread = -1;
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i + least < n; ++i) {
    sum += logs[i];
    squares += logs[i] * logs[i];
    if (i + 1 < least || logs[i] == logs[i + 1]) continue;
    const double below = real(i + 1);
    const double above = real(n) - below;
    const double spread_below = spread(sum, squares, below);
    const double spread_above = spread(total - sum, total_squares - squares, above);
    if (best_spread >= 0 && spread_below + spread_above >= best_spread) continue;
    best_spread = spread_below + spread_above;
    best.log_gap = (total - sum) / above - sum / below;
    best.minor_share = std::min(below, above) / real(n);
    const double variances = spread_below / below + spread_above / above;
    best.separation = best.log_gap * std::numbers::sqrt2 / std::sqrt(std::max(variances, 1e-24));
  }
  return best;
}

}  // namespace assay::reports
