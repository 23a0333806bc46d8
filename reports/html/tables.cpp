#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "reports/html/page.h"
#include "reports/html/sections.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr std::size_t MOST_PRINTED = 40;  // of a long table on paper; style.css says the same

std::string cell_of(const std::optional<double>& value, std::string_view suffix = "") {
  return value ? fmt::format("<td class=\"n\">{}{}</td>", figure(*value), suffix) : "<td></td>";
}

}  // namespace

std::string generation_section(const Report& report) {
  std::vector<const Row*> rows;
  for (const Row& row : report.rows)
    if (row.text("suite") == "generation" && row.text("status") == "PASS" && row.has("t_median_us"))
      rows.push_back(&row);
  if (rows.empty()) return "";
  std::ranges::stable_sort(rows, [](const Row* a, const Row* b) {
    for (const auto column : {"phase", "case_id", "dtype", "quant"}) {
      if (natural_less(a->text(column), b->text(column))) return true;
      if (natural_less(b->text(column), a->text(column))) return false;
    }
    return a->real("t_median_us") < b->real("t_median_us");
  });
  const bool counted =
      std::ranges::any_of(rows, [](const Row* row) { return counted_bytes(*row).has_value(); });
  std::string out =
      "<section id=\"generation\"><h2>Whole model</h2>\n<div class=\"scroll tall\"><table "
      "class=\"summary\"><thead><tr><th>case</th><th>kernels</th><th>weights</th>"
      "<th class=\"n\">tokens/s</th><th class=\"n\">step, ms</th>"
      "<th class=\"n\">first token, ms</th><th class=\"n\">launches</th><th class=\"n\">allocations"
      "</th><th class=\"n\">peak memory, GB</th><th class=\"n\">least moved, GB</th>";
  if (counted) out += "<th class=\"n\">own kernels counted, GB</th>";
  out +=
      "<th class=\"n\">of the limit</th>"
      "<th class=\"n\">vs LibTorch</th></tr></thead><tbody>\n";
  for (const Row* row : rows) {
    const auto scaled = [&](std::string_view column, double factor) {
      auto value = row->real(column);
      if (value) *value *= factor;
      return value;
    };
    const auto count = [&](std::string_view column) {
      return row->has(column) ? fmt::format("<td class=\"n\">{}</td>", *row->integer(column))
                              : std::string("<td></td>");
    };
    out += fmt::format("<tr><td class=\"long\">{}</td><td>{}</td><td>{}</td>",
                       escape_html(row->text("case_id")), escape_html(row->text("kernel_set")),
                       escape_html(row->has("quant") ? row->text("quant") : row->text("dtype")));
    out += cell_of(row->real("tok_per_s")) + cell_of(scaled("t_median_us", 1e-3)) +
           cell_of(row->real("ttft_ms")) + count("launches") + count("allocations") +
           cell_of(scaled("peak_mem_bytes", 1e-9)) + cell_of(scaled("bytes", 1e-9));
    auto moved = counted_bytes(*row);
    if (moved) *moved *= 1e-9;
    if (counted) out += cell_of(moved);
    const auto share = row->real("roofline_frac");
    out += share ? fmt::format("<td class=\"n\">{:.0f} %</td>", 100 * *share) : "<td></td>";
    const auto speedup = row->real("speedup_vs_ref");
    out += speedup ? fmt::format("<td class=\"n\">{:.2f}\u00D7</td>", *speedup) : "<td></td>";
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (rows.size() > MOST_PRINTED)
    out +=
        fmt::format("<p class=\"note paper\">The first {} of {} rows; the page has them all.</p>\n",
                    MOST_PRINTED, rows.size());
  return out + "</section>\n";
}

std::string comparison_section(const Report& report, const PageComparison& comparison) {
  std::map<std::string, const Row*> by_id;
  for (const Row& row : report.rows) by_id.emplace(row.text("row_id"), &row);
  std::map<std::string, std::size_t> counts;
  std::vector<const PageRow*> changed;
  for (const PageRow& row : comparison.rows) {
    ++counts[row.verdict];
    if (row.verdict != "SAME" && row.verdict != "UNTIMED") changed.push_back(&row);
  }
  std::vector<std::string> parts;
  for (const auto& [verdict, count] : counts) parts.push_back(fmt::format("{} {}", verdict, count));
  std::string out = fmt::format(
      "<section id=\"comparison\"><h2>Compared with {}</h2>\n<p class=\"counts\">{}</p>\n",
      escape_html(comparison.base), escape_html(fmt::format("{}", fmt::join(parts, " \u00B7 "))));
  if (changed.empty()) return out + "</section>\n";
  out +=
      "<div id=\"comparison-chart\"></div><div class=\"scroll\"><table class=\"summary\"><thead>"
      "<tr><th>verdict</th><th>row</th><th class=\"n\">change of time</th><th class=\"n\">"
      "99 % interval</th><th>note</th></tr></thead><tbody>\n";
  for (const PageRow* row : changed) {
    const auto found = by_id.find(row->row_id);
    out += fmt::format(
        "<tr><td class=\"verdict-{}\">{}</td><td class=\"name\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td>{}</td></tr>\n",
        escape_html(row->verdict), escape_html(row->verdict),
        escape_html(found != by_id.end() ? name_of_row(*found->second)
                    : row->name.empty()  ? row->row_id
                                         : row->name),
        row->effect ? percent(*row->effect) : "",
        row->ci ? percent(row->ci->low) + " to " + percent(row->ci->high) : "",
        escape_html(row->note));
  }
  return out + "</tbody></table></div></section>\n";
}

}  // namespace assay::reports
