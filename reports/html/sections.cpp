#include "reports/html/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/html/page.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr std::size_t MOST_DIAGNOSTICS = 50;

std::vector<std::string> distinct(const Report& report, std::string_view column) {
  std::vector<std::string> values;
  const std::size_t index = column_index(column);
  for (const Row& row : report.rows) {
    std::string value = row.cell(index);
    if (!value.empty() && std::ranges::count(values, value) == 0)
      values.push_back(std::move(value));
  }
  return values;
}

std::string joined(const std::vector<std::string>& parts, std::string_view glue = ", ") {
  return fmt::format("{}", fmt::join(parts, glue));
}

// "580.1" or "580.1 and 581.2", with `label` before it; "" where no row has the column.
std::string labelled(const Report& report, std::string_view label, std::string_view column) {
  const std::string values = joined(distinct(report, column), " and ");
  return values.empty() || label.empty() ? values : fmt::format("{} {}", label, values);
}

void add_fact(std::string& out, std::string_view label, std::vector<std::string> parts) {
  std::erase(parts, "");
  if (parts.empty()) return;
  out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", label, escape_html(joined(parts)));
}

// The span of a measured column, as "1755 to 1980 MHz".
std::string span_of(const Report& report, std::string_view label, std::string_view column) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const Row& row : report.rows)
    if (const auto value = row.real(column)) {
      low = std::min(low, *value);
      high = std::max(high, *value);
    }
  if (low > high) return "";
  const auto unit = columns()[column_index(column)].unit;
  if (low == high) return fmt::format("{} {:.4g} {}", label, low, unit);
  return fmt::format("{} {:.4g} to {:.4g} {}", label, low, high, unit);
}

std::string throttling(const Report& report) {
  std::size_t throttled = 0;
  std::int64_t discarded = 0;
  for (const Row& row : report.rows) {
    throttled += row.has("throttle") && row.text("throttle") != "none";
    discarded += row.integer("discarded").value_or(0);
  }
  std::string text;
  if (throttled > 0)
    text = fmt::format("clocks were lowered during {} row{}", throttled, throttled == 1 ? "" : "s");
  if (discarded > 0)
    text += fmt::format("{}{} samples dropped", text.empty() ? "" : ", ", discarded);
  return text;
}

// What the machine reached at best: "read 4160 GB/s", "fp16 product 721 TFLOP/s". Products are of
// several shapes.
std::vector<std::string> limits(const Report& report) {
  struct Best {
    std::string name;
    const char* unit;
    double rate;
  };
  std::vector<Best> best;
  for (const Row& row : report.rows) {
    if (row.text("suite") != "ceiling") continue;
    const std::string& id = row.text("case_id");
    Best one{id.substr(id.rfind('/') + 1), "GB/s", row.real("gb_per_s").value_or(0)};
    if (row.has("dtype"))
      one = {row.text("dtype") + " product", "TFLOP/s", row.real("tflop_per_s").value_or(0)};
    const auto found = std::ranges::find(best, one.name, &Best::name);
    if (found == best.end()) {
      best.push_back(std::move(one));
    } else {
      found->rate = std::max(found->rate, one.rate);
    }
  }
  std::vector<std::string> parts;
  for (const Best& one : best)
    parts.push_back(fmt::format("{} {} {}", one.name, figure(one.rate), one.unit));
  return parts;
}

std::string time_span(const Report& report) {
  auto times = distinct(report, "utc");
  std::ranges::sort(times);
  if (times.empty()) return "";
  return times.size() == 1 ? times.front() : times.front() + " to " + times.back();
}

// Commits in full are long; twelve digits name one.
std::string commits(const Report& report) {
  std::vector<std::string> names;
  for (std::string& commit : distinct(report, "commit")) names.push_back(commit.substr(0, 12));
  if (names.empty()) return "";
  const auto dirty = distinct(report, "dirty");
  return "commit " + joined(names, " and ") +
         (std::ranges::count(dirty, "yes") > 0 ? " with uncommitted changes" : "");
}

struct Tally {
  std::map<std::string, std::size_t> by_status;
  const Row* worst = nullptr;  // by share of the tolerance
  std::int64_t mutants_killed = 0;
  std::int64_t mutants_total = 0;

  void add(const Row& row) {
    ++by_status[row.text("status")];
    mutants_killed += row.integer("mutants_killed").value_or(0);
    mutants_total += row.integer("mutants_total").value_or(0);
    const auto share = row.real("err_ratio");
    if (share && (!worst || is_worse(*share, *worst->real("err_ratio")))) worst = &row;
  }
  static bool is_worse(double a, double b) {
    return !std::isnan(b) && (std::isnan(a) || a > b);  // NaN is the worst
  }
};

std::vector<std::string> seen_statuses(const Report& report) {
  std::vector<std::string> seen;
  const auto present = distinct(report, "status");
  for (const std::string_view status : values_of(columns()[column_index("status")]))
    if (std::ranges::count(present, status) > 0) seen.emplace_back(status);
  return seen;
}

std::string status_class(std::string_view status) {
  return status == "PASS" ? "pass" : status == "SKIP" ? "skip" : "bad";
}

std::string tally_cells(const Tally& tally, const std::vector<std::string>& statuses,
                        bool has_mutants) {
  std::string out;
  for (const std::string& status : statuses) {
    const auto found = tally.by_status.find(status);
    const std::size_t count = found == tally.by_status.end() ? 0 : found->second;
    out += fmt::format("<td class=\"n {}\">{}</td>", count > 0 ? status_class(status) : "none",
                       count > 0 ? std::to_string(count) : "");
  }
  if (tally.worst) {
    const double percent = 100 * *tally.worst->real("err_ratio");
    const double width = std::isfinite(percent) ? std::clamp(percent, 0.0, 100.0) : 100;
    out += fmt::format(
        "<td class=\"n\">{}</td><td><div class=\"meter{}\"><i style=\"width:{:.1f}%\"></i></div>"
        "</td><td class=\"name\">{}</td>",
        std::isfinite(percent) ? figure(percent) + " %" : fmt::format("{}", percent),
        percent <= 100 ? "" : " over", width, escape_html(name_of_row(*tally.worst)));
  } else {
    out += "<td class=\"n\"></td><td></td><td></td>";
  }
  if (has_mutants)
    out += tally.mutants_total > 0
               ? fmt::format("<td class=\"n{}\">{} of {}</td>",
                             tally.mutants_killed < tally.mutants_total ? " bad" : "",
                             tally.mutants_killed, tally.mutants_total)
               : "<td></td>";
  return out;
}

std::string failures(const Report& report) {
  std::string list;
  std::size_t count = 0;
  for (const Row& row : report.rows) {
    if (!is_bad_status(row.text("status"))) continue;
    ++count;
    std::string facts;
    for (const auto column : {"err_ratio", "max_abs_err", "tolerance"})
      if (const auto value = row.real(column))
        facts += fmt::format(" \u00B7 {} {:.4g}", column, *value);
    if (row.has("worst_index"))
      facts += fmt::format(" \u00B7 at element {}", *row.integer("worst_index"));
    list += fmt::format("<li><b class=\"status bad\">{}</b> {}", escape_html(row.text("status")),
                        escape_html(name_of_row(row)));
    list +=
        fmt::format("<div class=\"reason\">{}{}</div>",
                    row.has("reason") ? escape_html(row.text("reason")) : "no reason given", facts);
    if (row.has("repro_cmd"))
      list += fmt::format("<pre class=\"replay\">{}</pre>", escape_html(row.text("repro_cmd")));
    list += "</li>\n";
  }
  if (count == 0) return "";
  return fmt::format("<h3>Failures ({})</h3>\n<ul class=\"failures\">\n{}</ul>\n", count, list);
}

std::string skips(const Report& report) {
  std::map<std::string, std::size_t> reasons;
  std::size_t count = 0;
  for (const Row& row : report.rows) {
    if (row.text("status") != "SKIP") continue;
    ++count;
    ++reasons[(row.has("op") ? row.text("op") : row.text("suite")) +
              (row.has("version") ? " / " + row.text("version") : "") + ": " +
              (row.has("reason") ? row.text("reason") : "no reason given")];
  }
  if (count == 0) return "";
  std::string out = fmt::format("<details><summary>Why {} {} skipped</summary><ul>\n", count,
                                count == 1 ? "row was" : "rows were");
  for (const auto& [reason, n] : reasons)
    out += fmt::format("<li>{} ({})</li>\n", escape_html(reason), n);
  return out + "</ul></details>\n";
}

}  // namespace

std::string name_of_row(const Row& row) {
  std::string name = row.text("case_id");
  for (const auto column : {"op", "version", "kernel_set"})
    if (row.has(column) && (column != std::string_view("op") || !name.starts_with(row.text("op"))))
      name += " / " + row.text(column);
  return name;
}

std::string origin_section(const Report& report) {
  const auto bad = std::ranges::count_if(
      report.rows, [](const Row& row) { return is_bad_status(row.text("status")); });
  const auto passed = std::ranges::count_if(
      report.rows, [](const Row& row) { return row.text("status") == "PASS"; });
  std::string out = fmt::format(
      "<header><h1>Assay report</h1>\n<p class=\"verdict {}\">{}</p>\n"
      "<nav aria-label=\"Sections\"></nav></header>\n<main>\n",
      bad > 0 ? "bad" : "pass",
      bad > 0 ? fmt::format("{} of {} rows failed", bad, report.rows.size())
              : fmt::format("{} of {} rows pass, none failed", passed, report.rows.size()));
  if (std::ranges::count(distinct(report, "device"), "emulated") > 0)
    out +=
        "<p class=\"banner\" role=\"note\"><b>Emulated device.</b> These times are a CPU&#39;s, "
        "simulating a GPU. They are not performance.</p>\n";
  if (!report.diagnostics.empty()) {
    out += fmt::format(
        "<div class=\"banner\" role=\"note\"><b>{} in this file.</b> Its good rows "
        "are below.<ul>\n",
        report.diagnostics.size() == 1 ? "One problem"
                                       : fmt::format("{} problems", report.diagnostics.size()));
    for (std::size_t i = 0; i < std::min(report.diagnostics.size(), MOST_DIAGNOSTICS); ++i)
      out += fmt::format("<li>{}</li>\n", escape_html(to_string(report.diagnostics[i])));
    if (report.diagnostics.size() > MOST_DIAGNOSTICS)
      out += fmt::format("<li>and {} more</li>\n", report.diagnostics.size() - MOST_DIAGNOSTICS);
    out += "</ul></div>\n";
  }
  out += "<section id=\"origin\"><h2>What was run, and where</h2>\n<dl class=\"facts\">\n";
  add_fact(out, "Device",
           {labelled(report, "", "gpu_name"),
            distinct(report, "gpu_name").empty() ? labelled(report, "", "device") : "",
            labelled(report, "compute capability", "compute_capability"),
            labelled(report, "SMs:", "sm_count"), labelled(report, "ECC:", "ecc"),
            labelled(report, "MIG:", "mig")});
  add_fact(
      out, "Software",
      {labelled(report, "driver", "driver"), labelled(report, "CUDA", "cuda_runtime"),
       labelled(report, "nvcc", "nvcc_version"), labelled(report, "LibTorch", "torch_version")});
  add_fact(out, "Host", {labelled(report, "", "host_cpu")});
  add_fact(out, "Code",
           {commits(report), labelled(report, "", "build_flags"), labelled(report, "for", "arch")});
  add_fact(out, "Conditions",
           {span_of(report, "SM clock", "sm_mhz"), span_of(report, "memory clock", "mem_mhz"),
            span_of(report, "temperature", "temp_c"), span_of(report, "power", "power_w"),
            throttling(report)});
  add_fact(out, "Limits", limits(report));
  const auto runs = distinct(report, "run_id");
  add_fact(out, runs.size() == 1 ? "Run" : "Runs", runs);
  add_fact(out, "Time", {time_span(report)});
  add_fact(out, "File", {report.file});
  return out + "</dl></section>\n";
}

std::string correctness_section(const Report& report) {
  constexpr std::string_view LEVELS[] = {"kernel", "layer", "generation"};
  const auto statuses = seen_statuses(report);
  std::map<std::pair<std::size_t, std::string>, Tally> tallies;
  Tally all;
  for (const Row& row : report.rows) {
    if (row.text("suite") == "ceiling") continue;  // nothing that could be wrong
    const auto level = static_cast<std::size_t>(
        std::ranges::find(LEVELS, std::string_view(row.text("suite"))) - std::begin(LEVELS));
    tallies[{level, row.has("op") ? row.text("op") : "\u2013"}].add(row);
    all.add(row);
  }
  const bool has_mutants = all.mutants_total > 0;
  std::string out =
      "<section id=\"correctness\"><h2>Correctness</h2>\n<div class=\"scroll\"><table "
      "class=\"summary\"><thead><tr><th>level</th><th>op</th>";
  for (const std::string& status : statuses)
    out += fmt::format("<th class=\"n\">{}</th>", escape_html(status));
  out += "<th class=\"n\" colspan=\"2\">worst, of its tolerance</th><th>where</th>";
  if (has_mutants) out += "<th class=\"n\">spoiled outputs refused</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& [key, tally] : tallies)
    out += fmt::format("<tr><td>{}</td><td>{}</td>{}</tr>\n",
                       key.first < std::size(LEVELS) ? LEVELS[key.first] : "?",
                       escape_html(key.second), tally_cells(tally, statuses, has_mutants));
  out += fmt::format("</tbody><tfoot><tr><td colspan=\"2\">all</td>{}</tr></tfoot></table></div>\n",
                     tally_cells(all, statuses, has_mutants));
  return out + failures(report) + skips(report) + "</section>\n";
}

}  // namespace assay::reports
