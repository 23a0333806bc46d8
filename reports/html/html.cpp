#include "reports/html/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "kernels/device/error.h"
#include "reports/html/data.h"
#include "reports/html/page.h"
#include "reports/html/sections.h"
#include "reports/outputs.h"
#include "reports/pending_file.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// What the scripts fill; `id`s are theirs.
constexpr std::string_view SPEED_SECTIONS =
    "<section id=\"speed\"><h2>Speed over batch and sequence</h2><p class=\"note\" "
    "id=\"speed-note\"></p><div id=\"speed-panels\"></div></section>\n"
    "<section id=\"limits\"><h2>Distance to the machine&#39;s limits</h2>"
    "<div id=\"limit-panels\"></div></section>\n"
    "<section id=\"versions\"><h2>Versions against each other</h2>"
    "<p class=\"note\" id=\"versions-note\"></p><div id=\"version-panels\" class=\"grid\"></div>"
    "</section>\n";

constexpr std::string_view TABLE_SECTION =
    "<section id=\"rows\"><h2>All rows</h2><div id=\"row-table\"></div></section>\n";

}  // namespace

std::string render_html(const Report& report, const std::optional<PageComparison>& comparison) {
  require_chart_library();
  Page page;
  page.title = fmt::format("Assay: {}", std::filesystem::path(report.file).filename().string());
  page.body = origin_section(report) + correctness_section(report);
  if (comparison) page.body += comparison_section(report, *comparison);
  page.body += generation_section(report);
  page.body += SPEED_SECTIONS;
  page.body += TABLE_SECTION;
  page.body += "</main>\n";
  page.json = report_json(report, comparison);
  page.scripts = {assets::CHARTS, assets::REPORT, assets::TABLE};
  return render_page(page);
}

PageComparison page_comparison(const Comparison& comparison, const std::string& base) {
  PageComparison page;
  page.base = base;
  for (const RowComparison& row : comparison.rows) {
    PageRow shown;
    shown.row_id = row.row().text("row_id");
    shown.verdict = name_of(row.verdict());
    shown.note = row.findings.front().detail;
    shown.name = row_name(row.row());
    if (row.time) {
      shown.effect = row.time->change();
      shown.ci = Interval{row.time->change_low(), row.time->change_high()};
    }
    page.rows.push_back(std::move(shown));
  }
  return page;
}

int write_html(const std::string& input, const std::string& base, const std::string& output,
               std::ostream& out, std::ostream& err) {
  require_chart_library();
  check_outputs({{input, base}, {output}, {}});
  std::optional<PageComparison> comparison;
  bool damaged = false;
  Side current;
  if (base.empty()) {
    current.report = read_report(input);
  } else {
    current = read_side(input);
    const Side before = read_side(base);
    damaged = print_diagnostics(before.report, err);
    comparison = page_comparison(compare(before, current, {}), base);
  }
  damaged = print_diagnostics(current.report, err) || damaged;
  const Report& report = current.report;
  if (report.rows.empty()) {
    err << input << ": has no rows\n";
    return 2;
  }
  const std::string page = render_html(report, comparison);
  write_whole_file(output, page);
  out << fmt::format("{}: {} rows, {:.1f} MB\n", output, report.rows.size(),
                     static_cast<double>(page.size()) / 1e6);
  return damaged ? 2 : 0;
}

}  // namespace assay::reports
