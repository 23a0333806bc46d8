// Where a series of values changes its distribution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace assay::reports {

struct ChangePointOptions {
  /// Chance that a series without a change shows one.
  double false_alarm = 0.01;
  /// Values on either side of a change, at least; fewer are not told from stray ones.
  std::size_t least_segment = 3;
  std::size_t permutations = 999;
  std::uint64_t seed = 1;
};

/// E-divisive (Matteson and James, A Nonparametric Approach for Multiple Change Point Analysis of
/// Multivariate Data, JASA 109, 2014), for one dimension and exponent 1, as continuous benchmarking
/// uses it (Daly et al., The Use of Change Point Detection to Identify Software Performance
/// Regressions in a Continuous Integration System, ICPE 2020): the split with the largest energy
/// distance between its sides, accepted if a permutation test finds it significant, then the same
/// within the parts. No distribution is assumed. The permutations are seeded, so the same series
/// has the same answer, and end early once significance is out of reach (Besag and Clifford,
/// Sequential Monte Carlo p-values, 1991).
///
/// Returns the index of the first value of each new segment, ascending. A permutation test knows
/// nothing of short series: of 10 values with a clear step in their middle, 1 in 126 permutations
/// is as good; with fewer, false_alarm = 0.01 cannot be reached and nothing is found. Throws
/// assay::Error on a value that is not finite.
std::vector<std::size_t> find_change_points(std::span<const double> values,
                                            const ChangePointOptions& options = {});

}  // namespace assay::reports
