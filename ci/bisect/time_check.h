// Whether a kernel set is slower than another: `sweep` on both, in turn, until their samples tell.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ci/bisect/version_check.h"
#include "reports/judge.h"

namespace assay::bisect {

/// Samples of a row with both sets, in the order taken, as many of one as of the other.
struct PairedSamples {
  std::vector<double> from;
  std::vector<double> it;
};
using PairedRows = std::map<std::string, PairedSamples>;

/// The verdict on each row, by reports/judge.h, over all rows together.
std::map<std::string, reports::TimeComparison> judge_rows(const PairedRows& rows,
                                                          const reports::JudgeSettings& settings);

/// Runs rounds of `run`, which times both sets once, `flipped` in every second one, and gives rows
/// with samples to add. Each round adds at most SAMPLES_PER_ROUND of each row, spread evenly over
/// those taken, as a program's own samples lie closer together than those of one run and another.
/// Looks after 2, 4, 8 and 16 rounds, so at 20 to 160 samples, and stops as soon as `enough` says
/// so.
inline constexpr std::size_t SAMPLES_PER_ROUND = 10;
PairedRows measure_in_rounds(const std::function<PairedRows(bool flipped)>& run,
                             const std::function<bool(const PairedRows&)>& enough);

std::unique_ptr<VersionCheck> make_time_check(const VersionQuestion& question,
                                              const std::string& from);

}  // namespace assay::bisect
