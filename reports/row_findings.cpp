#include "reports/row_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/text.h"
#include "reports/throttle.h"

namespace assay::reports {
namespace {

// arch is not among them: two versions of one op may be compiled for different ones on purpose.
constexpr std::string_view BUILD_COLUMNS[] = {
    "gpu_name",     "compute_capability", "sm_count", "driver", "cuda_runtime",
    "nvcc_version", "build_flags",        "ecc",      "mig",    "host_cpu"};

std::string cell_of(const Row& row, std::string_view column) {
  const std::string cell = row.cell(column_index(column));
  return cell.empty() ? "(none)" : printable(cell);
}

std::string change_of(const Row& base, const Row& current, std::string_view column) {
  return fmt::format("{} {} -> {}", column, cell_of(base, column), cell_of(current, column));
}

bool is_across(const std::vector<std::string>& across, std::string_view column) {
  return std::ranges::find(across, column) != across.end();
}

// Of these columns, more is better.
bool more_is_better(std::string_view column) {
  return column == "sector_efficiency" || column == "occupancy";
}

bool was_run(const Row& row) {
  const std::string& status = row.text("status");
  return status != "SKIP" && status != "NOT_RUN";
}

}  // namespace

std::vector<std::string_view> incomparable_columns() {
  std::vector<std::string_view> all(std::begin(BUILD_COLUMNS), std::end(BUILD_COLUMNS));
  all.push_back("throttle");
  return all;
}

void compare_status(const Row& base, const Row& current, std::vector<Finding>& findings) {
  const std::string& before = base.text("status");
  const std::string& now = current.text("status");
  if (before == now) return;
  std::string detail = fmt::format("status {} -> {}", before, now);
  if (current.has("reason")) detail += ": " + printable(current.text("reason"));
  if (before == "PASS") {
    findings.push_back({Verdict::kBroken, std::move(detail)});
  } else if (now == "PASS") {
    findings.push_back({Verdict::kFixed, std::move(detail)});
  }
}

void compare_errors(const Row& base, const Row& current, double factor,
                    std::vector<Finding>& findings) {
  if (!was_run(base) || !was_run(current)) return;
  std::vector<std::string> worse;
  for (const std::string_view column : {"err_ratio", "rms_err", "max_abs_err"}) {
    const auto before = base.real(column);
    const auto now = current.real(column);
    if (!before || !now || !std::isfinite(*before)) continue;
    if (std::isfinite(*now) && *now <= *before * factor) continue;
    std::string change = fmt::format("{} {} -> {}", column, figure(*before), figure(*now));
    if (std::isfinite(*now) && *before > 0) change += fmt::format(" ({:.1f}x)", *now / *before);
    worse.push_back(std::move(change));
  }
  if (base.text("bitwise_repeat") == "yes" && current.text("bitwise_repeat") == "no")
    worse.push_back("bitwise_repeat yes -> no");
  if (!worse.empty())
    findings.push_back({Verdict::kWorseError, fmt::format("{}", fmt::join(worse, ", "))});
}

void compare_work(const Row& base, const Row& current, bool compiled,
                  std::vector<Finding>& findings, std::vector<std::string_view>& one_sided) {
  std::vector<std::string> worse;
  std::vector<std::string> better;
  for (const Column& column : columns()) {
    const bool counted = column.group == ColumnGroup::kCounted || column.name == "launches" ||
                         column.name == "allocations" || column.name == "peak_mem_bytes";
    if (!counted && !(compiled && column.group == ColumnGroup::kCompiled)) continue;
    const auto before = base.real(column.name);
    const auto now = current.real(column.name);
    if (before.has_value() != now.has_value()) one_sided.push_back(column.name);
    if (!before || !now || *before == *now) continue;
    const bool is_better = (*now > *before) == more_is_better(column.name);
    (is_better ? better : worse).push_back(change_of(base, current, column.name));
  }
  if (worse.empty() && better.empty()) return;
  std::string detail;
  if (!worse.empty()) detail = fmt::format("worse: {}", fmt::join(worse, ", "));
  if (!better.empty())
    detail += fmt::format("{}better: {}", worse.empty() ? "" : "; ", fmt::join(better, ", "));
  findings.push_back(
      {worse.empty() ? Verdict::kLessWork : Verdict::kChangedWork, std::move(detail)});
}

std::string incomparable_builds(const Row& base, const Row& current,
                                const std::vector<std::string>& across) {
  std::vector<std::string> differ;
  for (const std::string_view column : BUILD_COLUMNS)
    if (!is_across(across, column) &&
        base.cell(column_index(column)) != current.cell(column_index(column)))
      differ.push_back(change_of(base, current, column));
  return fmt::format("{}", fmt::join(differ, ", "));
}

std::string incomparable_times(const Row& base, const Row& current,
                               const std::vector<std::string>& across) {
  std::vector<std::string> reasons;
  if (std::string builds = incomparable_builds(base, current, across); !builds.empty())
    reasons.push_back(std::move(builds));
  if (!is_across(across, "throttle")) {
    if (spoils_times(base.text("throttle")))
      reasons.push_back(fmt::format("base throttled: {}", cell_of(base, "throttle")));
    if (spoils_times(current.text("throttle")))
      reasons.push_back(fmt::format("new throttled: {}", cell_of(current, "throttle")));
    // Clocks set, or the power limit reached, in one run only.
    if (reasons.empty() && base.has("throttle") && current.has("throttle") &&
        base.text("throttle") != current.text("throttle"))
      reasons.push_back(change_of(base, current, "throttle"));
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

}  // namespace assay::reports
