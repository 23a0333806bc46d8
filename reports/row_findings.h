// What two rows of the same work say besides their times.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/compare.h"

namespace assay::reports {

/// BROKEN: PASS lost, or a bad status now and none before, be it that the base has no such row (it
/// is nullptr then). FIXED: PASS won. Another change is UNCLEAR.
void compare_status(const Row* base, const Row& current, std::vector<Finding>& findings);

/// max_abs_err, rms_err and err_ratio that grew by more than `factor`, or are no longer zero, or no
/// longer finite; bitwise_repeat that was lost. Where another GPU or compiler may be behind it, the
/// row is INCOMPARABLE. A column measured on one side only is added to `one_sided`. Rows that were
/// not run are left out.
void compare_errors(const Row& base, const Row& current, double factor,
                    const std::vector<std::string>& across, std::vector<Finding>& findings,
                    std::vector<std::string_view>& one_sided);

/// Whether the column has no noise: counted and compiled ones, launches, allocations and
/// peak_mem_bytes.
bool is_exact(const Column& column);

/// The exact columns. Any difference counts; where another compiler may be behind it, the row is
/// INCOMPARABLE. A column measured on one side only is added to `one_sided`.
void compare_work(const Row& base, const Row& current, const std::vector<std::string>& across,
                  std::vector<Finding>& findings, std::vector<std::string_view>& one_sided);

/// Why times of both are not to be compared, as "driver 550.54 -> 560.28", or "".
std::string incomparable_times(const Row& base, const Row& current,
                               const std::vector<std::string>& across);

/// Of rows whose times are compared: that only one of them was at the GPU's power limit, as
/// "throttle none -> power_cap", or "". A row that is near the limit is there in one run and not in
/// the next, which does no harm if the times agree; if they do not, nobody knows whether it is the
/// code.
std::string limited_in_one(const Row& base, const Row& current,
                           const std::vector<std::string>& across);

/// Why other things, which depend on the build and the GPU, are not, or "": as above, without
/// throttling.
std::string incomparable_builds(const Row& base, const Row& current,
                                const std::vector<std::string>& across);

}  // namespace assay::reports
