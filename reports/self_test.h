// A against A: how often the comparison cries wolf on this machine, and what it would miss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "reports/compare.h"

namespace assay::reports {

struct SelfTestSettings {
  JudgeSettings judge;
  std::string filter;
  std::size_t trials = 200;  ///< Splits of each row's samples.
  std::uint64_t seed = 1;
};

/// Of one op, or of all.
struct OpSelfTest {
  std::string op;
  std::size_t rows = 0;
  std::size_t trials = 0;  ///< Comparisons made, rows times splits or pairs.
  std::size_t false_slower = 0;
  std::size_t false_faster = 0;
  std::size_t unclear = 0;
  double samples = 0;             ///< Median over rows, per side of a comparison.
  double noise = 0;               ///< Median over rows of the spread: 1.4826 MAD / median.
  double detectable_typical = 0;  ///< Median over rows of detectable_slowdown; infinite: none.
  double detectable_worst = 0;    ///< The largest of the rows'.
};

struct SelfTest {
  std::vector<OpSelfTest> ops;  ///< By name.
  OpSelfTest all;
  std::size_t reports = 0;         ///< Simulated reports, or pairs of runs.
  std::size_t reports_false = 0;   ///< Of those, with a SLOWER or FASTER row in them.
  std::size_t rows_too_small = 0;  ///< Rows left out: too few samples.
  bool of_runs = false;            ///< Whole runs were compared, not halves of one.
};

/// The least slowdown at which `c` would be SLOWER, if it were the only row of its report's `rows`
/// to be slower: that is, if its p had to be at most alpha / rows. Infinite where there is none
/// below 1000 %. `base` and `current` are of the same work.
double detectable_slowdown(const SampleSet& base, const SampleSet& current, const TimeComparison& c,
                           const JudgeSettings& settings, std::size_t rows);

/// With one report: each row's samples are split in two at random, in the order taken, `trials`
/// times; the halves are compared as if they were two reports. Detectable is, for each row, the
/// slowdown that 95 % of its splits would have found. With several reports of the same code: every
/// pair of them is compared, so that what differs between runs counts as well, and 95 % of pairs is
/// meant. Throws InputError where no row has enough samples.
SelfTest run_self_test(std::span<const Side> sides, const SelfTestSettings& settings);

/// The result for people.
std::string describe_self_test(const SelfTest& test, const SelfTestSettings& settings,
                               bool markdown);

}  // namespace assay::reports
