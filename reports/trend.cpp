#include "reports/trend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <ostream>
#include <utility>

#include "kernels/device/error.h"
#include "reports/change_points.h"
#include "reports/row_findings.h"
#include "reports/table.h"
#include "reports/text.h"
#include "reports/throttle.h"

namespace assay::reports {
namespace {

constexpr std::size_t COMMIT_DIGITS = 12;
// Below this a permutation test cannot reach a false-alarm rate of 1 % (change_points.h).
constexpr std::size_t FEWEST_RUNS = 10;

std::string machine_of(const Row& row) {
  if (row.has("gpu_name")) return row.text("gpu_name");
  return row.has("host_cpu") ? row.text("device") + ", " + row.text("host_cpu")
                             : row.text("device");
}

double median_of(const std::vector<TrendPoint>& points, std::size_t begin, std::size_t end) {
  std::vector<double> values;
  for (std::size_t i = begin; i < end; ++i) values.push_back(points[i].median_us);
  std::ranges::sort(values);
  return quantile(values, 0.5);
}

std::vector<TrendStep> find_steps(const std::vector<TrendPoint>& points,
                                  const TrendOptions& options) {
  std::vector<double> logs;
  for (const TrendPoint& point : points) logs.push_back(std::log(point.median_us));
  ChangePointOptions change;
  change.false_alarm = options.false_alarm;
  std::vector<std::size_t> at = find_change_points(logs, change);
  // The smallest step goes first, as its removal changes the size of its neighbours.
  for (;;) {
    std::vector<TrendStep> steps;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::size_t from = i == 0 ? 0 : at[i - 1];
      const std::size_t to = i + 1 == at.size() ? points.size() : at[i + 1];
      steps.push_back({at[i], median_of(points, from, at[i]), median_of(points, at[i], to), ""});
    }
    const auto size = [](const TrendStep& step) {
      return std::fabs(std::log(step.after_us / step.before_us));
    };
    const auto smallest = std::ranges::min_element(steps, {}, size);
    if (steps.empty() || size(*smallest) >= std::log1p(options.least)) return steps;
    at.erase(at.begin() + (smallest - steps.begin()));
  }
}

}  // namespace

Trend make_trend(std::span<const Report> reports, const TrendOptions& options) {
  std::map<std::string, TrendRun> runs;
  for (const Report& report : reports)
    for (const Row& row : report.rows) {
      TrendRun run{row.text("run_id"), row.text("commit"), row.text("dirty") == "yes",
                   row.text("utc"), report.file};
      const auto [found, is_new] = runs.try_emplace(run.run_id, run);
      if (!is_new) found->second.utc = std::min(found->second.utc, run.utc);
    }
  Trend trend;
  for (auto& [id, run] : runs) trend.runs.push_back(std::move(run));
  std::ranges::stable_sort(trend.runs, {}, &TrendRun::utc);
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < trend.runs.size(); ++i) index[trend.runs[i].run_id] = i;

  // By machine and row_id; within, by run: the first row counts where a file is there twice.
  std::map<std::pair<std::string, std::string>, std::map<std::size_t, const Row*>> series;
  for (const Report& report : reports)
    for (const Row& row : report.rows) {
      trend.failed += has_bad_status(row);
      if (row.text("status") != "PASS" || !row.has("t_median_us")) continue;
      if (spoils_times(row.text("throttle"))) {
        ++trend.throttled;
        continue;
      }
      series[{machine_of(row), row.text("row_id")}].try_emplace(index[row.text("run_id")], &row);
    }
  for (const auto& [key, points] : series) {
    TrendSeries one;
    one.machine = key.first;
    std::vector<const Row*> rows;
    for (const auto& [run, row] : points) {
      rows.push_back(row);
      TrendPoint point{run, *row->real("t_median_us"), std::nullopt};
      if (row->has("median_ci_lo_us") && row->has("median_ci_hi_us"))
        point.ci_us = Interval{*row->real("median_ci_lo_us"), *row->real("median_ci_hi_us")};
      one.points.push_back(point);
    }
    one.row = *rows.back();
    one.steps = find_steps(one.points, options);
    for (TrendStep& step : one.steps)
      step.with = incomparable_times(*rows[step.point - 1], *rows[step.point], {});
    trend.series.push_back(std::move(one));
  }
  std::ranges::stable_sort(trend.series, [](const TrendSeries& a, const TrendSeries& b) {
    for (const auto column : {"suite", "op", "case_id", "dtype", "version", "kernel_set"}) {
      if (natural_less(a.row.text(column), b.row.text(column))) return true;
      if (natural_less(b.row.text(column), a.row.text(column))) return false;
    }
    return false;
  });
  return trend;
}

std::string Trend::left_out() const {
  std::vector<std::string> parts;
  if (failed > 0) parts.push_back(fmt::format("{} rows that failed", failed));
  if (throttled > 0) parts.push_back(fmt::format("{} rows that were throttled", throttled));
  return parts.empty() ? "" : fmt::format("Left out: {}.", fmt::join(parts, ", "));
}

std::string describe_steps(const Trend& trend, const TrendOptions& options, std::size_t width) {
  struct Found {
    const TrendSeries* series;
    const TrendStep* step;
  };
  std::vector<Found> found;
  for (const TrendSeries& series : trend.series)
    for (const TrendStep& step : series.steps) found.push_back({&series, &step});
  std::ranges::stable_sort(
      found, [](const Found& a, const Found& b) { return a.step->change() > b.step->change(); });

  std::string out =
      fmt::format("{} runs, {} series; {} steps of {:.3g} % or more", trend.runs.size(),
                  trend.series.size(), found.size(), 100 * options.least);
  if (!trend.runs.empty())
    out += fmt::format(", {} to {}", trend.runs.front().utc, trend.runs.back().utc);
  out += "\n";
  if (const std::string left_out = trend.left_out(); !left_out.empty()) out += left_out + "\n";
  if (trend.runs.size() < FEWEST_RUNS)
    out += fmt::format("{} runs are too few: no step can be told from noise below {}\n",
                       trend.runs.size(), FEWEST_RUNS);
  if (found.empty()) return out;
  Table table({{"change", Align::kRight},
               {"before, us", Align::kRight},
               {"after, us", Align::kRight},
               {"at commit"},
               {"run of"},
               {"case", Align::kLeft, true},
               {"version"},
               {"machine", Align::kLeft, true},
               {"with it", Align::kLeft, true}});
  for (const Found& f : found) {
    const TrendRun& run = trend.runs[f.series->points[f.step->point].run];
    const Row& row = f.series->row;
    table.add({fmt::format("{:+.1f} %", 100 * f.step->change()), figure(f.step->before_us),
               figure(f.step->after_us),
               run.commit.substr(0, COMMIT_DIGITS) + (run.dirty ? " (dirty)" : ""), run.utc,
               row.text("case_id"),
               row.has("version") ? row.text("version") : row.text("kernel_set"), f.series->machine,
               f.step->with});
  }
  return out + table.text(width);
}

std::vector<std::filesystem::path> reports_in(const std::string& folder) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(folder))
    throw InputError(fmt::format("{}: is no folder; name one that holds reports, *.csv", folder));
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == ".csv")
      paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

std::vector<Report> read_folder(const std::string& folder, bool& bad, std::ostream& err) {
  const std::vector<std::filesystem::path> paths = reports_in(folder);
  std::vector<Report> reports;
  for (const std::filesystem::path& path : paths) {
    try {
      Report report = read_report(path);
      if (report.has_errors()) {
        bad = true;
        err << to_string(report.diagnostics.front()) << "\n";
        if (report.diagnostics.size() > 1)
          err << fmt::format("{}: and {} more\n", path.string(), report.diagnostics.size() - 1);
      }
      if (!report.rows.empty()) reports.push_back(std::move(report));
    } catch (const InputError& error) {
      bad = true;
      err << error.what() << "\n";
    }
  }
  if (reports.empty())
    throw InputError(
        fmt::format("{}: holds no usable report ({} files *.csv)", folder, paths.size()));
  return reports;
}

}  // namespace assay::reports
