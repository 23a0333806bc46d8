#include "reports/html/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "kernels/device/error.h"
#include "reports/html/data.h"
#include "reports/html/page.h"
#include "reports/html/sections.h"
#include "reports/pending_file.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr std::size_t MOST_DIAGNOSTICS = 20;

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

int write_html(const std::string& input, const std::string& output, std::ostream& out,
               std::ostream& err) {
  require_chart_library();
  std::error_code ignored;
  if (std::filesystem::equivalent(input, output, ignored))
    throw InputError(
        fmt::format("{}: is the report itself; name another file for the page", output));
  const Report report = read_report(input);
  for (std::size_t i = 0; i < std::min(report.diagnostics.size(), MOST_DIAGNOSTICS); ++i)
    err << to_string(report.diagnostics[i]) << "\n";
  if (report.diagnostics.size() > MOST_DIAGNOSTICS)
    err << fmt::format("{}: and {} more\n", input, report.diagnostics.size() - MOST_DIAGNOSTICS);
  if (report.rows.empty()) {
    err << input << ": has no rows\n";
    return 2;
  }
  const std::string page = render_html(report);
  PendingFile file(output, page);
  file.commit();
  out << fmt::format("{}: {} rows, {:.1f} MB\n", output, report.rows.size(),
                     static_cast<double>(page.size()) / 1e6);
  return report.has_errors() ? 2 : 0;
}

}  // namespace assay::reports
