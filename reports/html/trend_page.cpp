#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/html/data.h"
#include "reports/html/page.h"
#include "reports/trend.h"

namespace assay::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t COMMIT_DIGITS = 12;

Json json_of(const TrendSeries& series) {
  Json out;
  for (const auto column :
       {"suite", "op", "case_id", "dtype", "phase", "version", "kernel_set", "quant"})
    if (series.row.has(column)) out[column] = series.row.text(column);
  out["machine"] = series.machine;
  Json points = Json::array();
  for (const TrendPoint& point : series.points) {
    Json one = {point.run, six_digits(point.median_us)};
    if (point.ci_us) {
      one.push_back(six_digits(point.ci_us->low));
      one.push_back(six_digits(point.ci_us->high));
    }
    points.push_back(std::move(one));
  }
  out["points"] = std::move(points);
  Json steps = Json::array();
  for (const TrendStep& step : series.steps)
    steps.push_back({{"point", step.point},
                     {"before", six_digits(step.before_us)},
                     {"after", six_digits(step.after_us)},
                     {"with", step.with}});
  out["steps"] = std::move(steps);
  return out;
}

}  // namespace

std::string render_trend(const Trend& trend, const TrendOptions& options) {
  require_chart_library();
  std::size_t steps = 0;
  bool emulated = false;
  Json data = {{"runs", Json::array()}, {"series", Json::array()}};
  for (const TrendRun& run : trend.runs)
    data["runs"].push_back({{"run_id", run.run_id},
                            {"commit", run.commit.substr(0, COMMIT_DIGITS)},
                            {"dirty", run.dirty},
                            {"utc", run.utc},
                            {"file", run.file}});
  for (const TrendSeries& series : trend.series) {
    steps += series.steps.size();
    emulated = emulated || series.row.text("device") == "emulated";
    data["series"].push_back(json_of(series));
  }

  Page page;
  page.title = "Assay: trend";
  page.body = fmt::format(
      "<header><h1>Assay trend</h1>\n<p class=\"verdict {}\">{} steps in {} series over {} "
      "runs</p>\n"
      "</header>\n<main>\n",
      steps > 0 ? "bad" : "pass", steps, trend.series.size(), trend.runs.size());
  if (emulated)
    page.body +=
        "<p class=\"banner\" role=\"note\"><b>Emulated device.</b> These times are a CPU&#39;s, "
        "simulating a GPU. They are not performance.</p>\n";
  page.body += fmt::format(
      "<p class=\"note\">{} to {}. Median time of each case, run by run, with its 95 % interval; a "
      "series without a change shows a step with a chance of {:.3g}&nbsp;%, and steps below "
      "{:.3g}&nbsp;% "
      "are "
      "not told. Steps are found by E-divisive (Matteson and James, 2014). {}</p>\n"
      "<section id=\"steps\"><h2>Steps</h2><div id=\"step-table\"></div></section>\n"
      "<section id=\"series\"><h2>Cases</h2><div id=\"series-controls\"></div>"
      "<div id=\"series-charts\" class=\"small\"></div><div id=\"series-more\"></div></section>\n"
      "</main>\n",
      trend.runs.empty() ? "" : escape_html(trend.runs.front().utc),
      trend.runs.empty() ? "" : escape_html(trend.runs.back().utc), 100 * options.false_alarm,
      100 * options.least, trend.left_out());
  page.json = data.dump();
  page.scripts = {assets::CHARTS, assets::TREND};
  return render_page(page);
}

}  // namespace assay::reports
