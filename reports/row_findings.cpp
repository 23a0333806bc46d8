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

// What differs between the compilers that the column's two values depend on. Neither the machine
// nor the driver is among it: both kinds of work are known before a GPU is.
std::vector<std::string> other_compiler(const Row& base, const Row& current, const Column& column,
                                        const std::vector<std::string>& across) {
  std::vector<std::string_view> on;
  // The traced device counts what the host compiler's instrumentation lets it see.
  if (column.group == ColumnGroup::kCounted) on = {"build_flags"};
  if (column.group == ColumnGroup::kCompiled) on = {"nvcc_version", "arch"};
  // Those of an emulated build say nothing about what nvcc was told.
  if (column.group == ColumnGroup::kCompiled && current.text("device") == "cuda")
    on.push_back("build_flags");
  std::vector<std::string> differ;
  for (const std::string_view name : on)
    if (!is_across(across, name) && base.text(name) != current.text(name))
      differ.push_back(change_of(base, current, name));
  return differ;
}

// What differs between the GPUs and compilers, on which it depends how sums are rounded. The driver
// is not among it.
std::vector<std::string> other_arithmetic(const Row& base, const Row& current,
                                          const std::vector<std::string>& across) {
  std::vector<std::string_view> on = {"gpu_name",     "compute_capability", "sm_count",
                                      "cuda_runtime", "nvcc_version",       "build_flags"};
  // The emulated device's arithmetic is the host's.
  if (current.text("device") == "emulated") on.push_back("host_cpu");
  std::vector<std::string> differ;
  for (const std::string_view name : on)
    if (!is_across(across, name) &&
        base.cell(column_index(name)) != current.cell(column_index(name)))
      differ.push_back(change_of(base, current, name));
  return differ;
}

bool was_run(const Row& row) {
  const std::string& status = row.text("status");
  return status != "SKIP" && status != "NOT_RUN";
}

// The reasons for lowered clocks but for the power limit.
std::vector<std::string> besides_the_limit(const Row& row) {
  std::vector<std::string> reasons = throttle_reasons(row.text("throttle"));
  std::erase_if(reasons,
                [](const std::string& reason) { return throttle_of(reason) == Throttle::kLimit; });
  return reasons;
}

}  // namespace

std::vector<std::string_view> incomparable_columns() {
  std::vector<std::string_view> all(std::begin(BUILD_COLUMNS), std::end(BUILD_COLUMNS));
  all.push_back("throttle");
  return all;
}

bool has_bad_status(const Row& row) {
  const std::string& status = row.text("status");
  return status == "FAIL" || status == "ERROR" || status == "TIMEOUT" || status == "MISTRUSTED";
}

void compare_status(const Row* base, const Row& current, std::vector<Finding>& findings) {
  const std::string before = base ? base->text("status") : "(no row)";
  const std::string& now = current.text("status");
  if (before == now) return;
  const bool is_bad = has_bad_status(current);
  if (!base && !is_bad) return;  // NEW says enough
  std::string detail = fmt::format("status {} -> {}", before, now);
  if (current.has("reason")) detail += ": " + printable(current.text("reason"));
  const bool was_bad = base && has_bad_status(*base);
  Verdict verdict = Verdict::kUnclear;
  if (before == "PASS" || (is_bad && !was_bad)) {
    verdict = Verdict::kBroken;
  } else if (now == "PASS") {
    verdict = Verdict::kFixed;
  }
  findings.push_back({verdict, std::move(detail)});
}

void compare_errors(const Row& base, const Row& current, double factor,
                    const std::vector<std::string>& across, std::vector<Finding>& findings,
                    std::vector<std::string_view>& one_sided) {
  if (!was_run(base) || !was_run(current)) return;
  for (const std::string_view column : {"err_ratio", "rms_err", "max_abs_err", "bitwise_repeat"})
    if (base.has(column) != current.has(column)) one_sided.push_back(column);
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
  if (worse.empty()) return;
  std::string detail = fmt::format("{}", fmt::join(worse, ", "));
  if (const auto differ = other_arithmetic(base, current, across); !differ.empty()) {
    findings.push_back(
        {Verdict::kIncomparable, fmt::format("{}: by another GPU or compiler, so not judged: {}",
                                             fmt::join(differ, ", "), detail)});
    return;
  }
  findings.push_back({Verdict::kWorseError, std::move(detail)});
}

bool is_exact(const Column& column) {
  return column.group == ColumnGroup::kCounted || column.group == ColumnGroup::kCompiled ||
         column.name == "launches" || column.name == "allocations" ||
         column.name == "peak_mem_bytes";
}

void compare_work(const Row& base, const Row& current, const std::vector<std::string>& across,
                  std::vector<Finding>& findings, std::vector<std::string_view>& one_sided) {
  std::vector<std::string> worse;
  std::vector<std::string> better;
  std::vector<std::string> not_judged;
  std::vector<std::string> differ;  // why they are not
  for (const Column& column : columns()) {
    if (!is_exact(column)) continue;
    const auto before = base.real(column.name);
    const auto now = current.real(column.name);
    if (before.has_value() != now.has_value()) one_sided.push_back(column.name);
    if (!before || !now || *before == *now) continue;
    std::string change = change_of(base, current, column.name);
    if (const auto reasons = other_compiler(base, current, column, across); !reasons.empty()) {
      not_judged.push_back(std::move(change));
      for (const std::string& reason : reasons)
        if (std::ranges::find(differ, reason) == differ.end()) differ.push_back(reason);
      continue;
    }
    const bool is_better = (*now > *before) == more_is_better(column.name);
    (is_better ? better : worse).push_back(std::move(change));
  }
  if (!not_judged.empty())
    findings.push_back({Verdict::kIncomparable,
                        fmt::format("{}: by another compiler, so not judged: {}",
                                    fmt::join(differ, ", "), fmt::join(not_judged, ", "))});
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
    // Clocks set in one run only.
    if (reasons.empty() && base.has("throttle") && current.has("throttle") &&
        besides_the_limit(base) != besides_the_limit(current))
      reasons.push_back(change_of(base, current, "throttle"));
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

std::string limited_in_one(const Row& base, const Row& current,
                           const std::vector<std::string>& across) {
  const bool differ = base.has("throttle") && current.has("throttle") &&
                      base.text("throttle") != current.text("throttle");
  return differ && !is_across(across, "throttle") ? change_of(base, current, "throttle") : "";
}

}  // namespace assay::reports
