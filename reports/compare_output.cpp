#include "reports/compare_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "reports/table.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr std::size_t MOST_WHY = 48;  // terminal cells

bool is_change(const RowComparison& row) {
  return row.verdict() != Verdict::kSame && row.verdict() != Verdict::kUntimed;
}

std::string verdicts_of(const RowComparison& row) {
  std::string text;
  for (const Finding& finding : row.findings)
    text += (text.empty() ? "" : " ") + std::string(name_of(finding.verdict));
  return text;
}

std::string interval_of(const TimeComparison& time) {
  const std::string low = percent(time.change_low());
  return fmt::format("{} to {}", low.substr(0, low.size() - 2), percent(time.change_high()));
}

std::string q_of(const TimeComparison& time) {
  return time.q < 1e-4 ? "<0.0001" : fmt::format("{:.4f}", time.q);
}

Table table_of(const Comparison& comparison, const PrintOptions& options) {
  Table table({{"verdict"},
               {"case", Align::kLeft, true},
               {"version", Align::kLeft, true},
               {"base us", Align::kRight},
               {"new us", Align::kRight},
               {"change", Align::kRight},
               {"interval", Align::kRight},
               {"q", Align::kRight},
               {"samples", Align::kRight},
               {"why"}});
  for (const RowComparison& row : comparison.rows) {
    if (options.only_changes && !is_change(row)) continue;
    const Row& r = row.row();
    // Of the samples, where those were compared.
    const auto median = [&](const Row* side, double TimeComparison::*compared) {
      if (row.time) return figure((*row.time).*compared);
      const auto value = side ? side->real("t_median_us") : std::nullopt;
      return value ? figure(*value) : std::string();
    };
    // The emulated device has no other cache.
    const bool warm = r.text("cache") == "warm" && r.text("device") == "cuda";
    const std::string& version = r.has("version") ? r.text("version") : r.text("kernel_set");
    std::vector<std::string> cells = {verdicts_of(row), r.text("case_id"),
                                      version + (warm ? ", warm" : ""),
                                      median(row.base, &TimeComparison::base_us),
                                      median(row.current, &TimeComparison::current_us)};
    if (row.time) {
      const TimeComparison& t = *row.time;
      for (std::string cell : {percent(t.change()), interval_of(t), q_of(t),
                               fmt::format("{}/{}", t.base_samples, t.current_samples)})
        cells.push_back(std::move(cell));
    } else {
      cells.resize(9);
    }
    // The list of regressions has all of it.
    cells.push_back(options.markdown ? details_of(row) : fit(printable(details_of(row)), MOST_WHY));
    table.add(std::move(cells));
  }
  return table;
}

// "commit abc", "commits abc and def", "": a merged or resumed report may have several.
std::string all_of(const Side& side, std::string_view what,
                   const std::function<std::string(const Row&)>& value_of) {
  std::vector<std::string> values;
  for (const Row& row : side.report.rows) {
    std::string value = printable(value_of(row));
    if (!value.empty() && std::ranges::find(values, value) == values.end())
      values.push_back(std::move(value));
  }
  if (values.empty()) return "";
  return fmt::format("{}{} {}", what, values.size() == 1 ? "" : "s", fmt::join(values, " and "));
}

nlohmann::ordered_json json_of(const Side& side) {
  std::set<std::string> runs;
  for (const Row& row : side.report.rows) runs.insert(row.text("run_id"));
  const Row& first = side.report.rows.front();
  nlohmann::ordered_json json;
  json["file"] = side.report.file;
  json["run_ids"] = runs;
  json["commit"] = first.text("commit");
  json["device"] = first.text("device");
  json["gpu_name"] = first.text("gpu_name");
  return json;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string details_of(const RowComparison& row) {
  std::string text;
  for (const Finding& finding : row.findings)
    if (!finding.detail.empty()) text += (text.empty() ? "" : "; ") + finding.detail;
  return text;
}

std::string describe_side(std::string_view label, const Side& side) {
  const Row& first = side.report.rows.front();
  std::vector<std::string> parts = {printable(side.report.file)};
  parts.push_back(all_of(side, "run", [](const Row& row) { return row.text("run_id"); }));
  parts.push_back(all_of(side, "commit", [](const Row& row) {
    if (!row.has("commit")) return std::string();
    return row.text("commit") + (row.text("dirty") == "yes" ? " with uncommitted changes" : "");
  }));
  std::erase(parts, "");
  parts.push_back(first.text("device"));
  if (first.has("gpu_name")) parts.push_back(printable(first.text("gpu_name")));
  return fmt::format("{:<5} {}", label, fmt::join(parts, ", "));
}

std::string describe_counts(const Comparison& comparison) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < VERDICTS; ++i)
    if (comparison.counts[i] > 0)
      parts.push_back(fmt::format("{} {}", comparison.counts[i], name_of(static_cast<Verdict>(i))));
  return fmt::format("{} {}: {}", comparison.rows.size(),
                     comparison.rows.size() == 1 ? "row" : "rows", fmt::join(parts, ", "));
}

std::string describe_comparison(const Comparison& comparison, const Side& base, const Side& current,
                                const CompareSettings& settings, const PrintOptions& options) {
  const std::string gap = options.markdown ? "\n\n" : "\n";
  std::string out = describe_side("base", base) + gap + describe_side("new", current) + gap;
  out += fmt::format("least effect {}, false discoveries at most {:g} %, intervals of {:g} %{}",
                     percent(settings.judge.least).substr(1), settings.judge.alpha * 100,
                     (1 - settings.judge.alpha) * 100, gap);
  if (const auto& pair = settings.pair)
    out += fmt::format("{}: {} -> {}; work, that of other code, is not compared{}", pair->column,
                       printable(pair->base), printable(pair->current), gap);
  if (current.report.rows.front().text("device") == "emulated") {
    constexpr std::string_view BANNER = "EMULATED DEVICE: these times are not performance.";
    out += options.markdown ? fmt::format("> **{}**\n\n", BANNER) : fmt::format("*** {}\n", BANNER);
  }
  const Table table = table_of(comparison, options);
  if (!options.markdown) out += "\n";
  if (!table.empty())
    out += (options.markdown ? table.markdown() : table.text(options.width)) + "\n";

  std::string regressions;
  for (const RowComparison& row : comparison.rows) {
    if (!is_regression(row.verdict())) continue;
    const std::string details = details_of(row);
    regressions +=
        fmt::format("{}{} {}{}{}\n", options.markdown ? "- " : "  ", verdicts_of(row),
                    printable(row_name(row.row())), details.empty() ? "" : ": ", details);
    if (const std::string& command = row.row().text("repro_cmd"); !command.empty())
      regressions += fmt::format(fmt::runtime(options.markdown ? "  ``` {} ```\n" : "    {}\n"),
                                 printable(command));
  }
  if (!regressions.empty())
    out += fmt::format("{}regressions\n{}{}\n", options.markdown ? "## " : "",
                       options.markdown ? "\n" : "", regressions);
  for (const std::string& note : comparison.notes) out += "note: " + note + gap;
  return out + describe_counts(comparison) + "\n";
}

std::string comparison_csv(const Comparison& comparison) {
  std::string out =
      "row_id,suite,op,case_id,version,kernel_set,dtype,verdict,verdicts,base_us,new_us,change,"
      "change_lo,change_hi,least,p,q,cliffs_delta,base_samples,new_samples,detail\n";
  for (const RowComparison& row : comparison.rows) {
    const Row& r = row.row();
    for (const std::string_view column :
         {"row_id", "suite", "op", "case_id", "version", "kernel_set", "dtype"})
      out += csv_cell(r.text(column)) + ",";
    out += fmt::format("{},{},", name_of(row.verdict()), verdicts_of(row));
    if (row.time) {
      const TimeComparison& t = *row.time;
      out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},", t.base_us, t.current_us, t.change(),
                         t.change_low(), t.change_high(), t.least, t.p, t.q, t.cliffs_delta,
                         t.base_samples, t.current_samples);
    } else {
      out += std::string(11, ',');
    }
    out += csv_cell(details_of(row)) + "\n";
  }
  return out;
}

std::string comparison_json(const Comparison& comparison, const Side& base, const Side& current,
                            const CompareSettings& settings) {
  nlohmann::ordered_json json;
  json["settings"] = {{"least", settings.judge.least},
                      {"alpha", settings.judge.alpha},
                      {"error_factor", settings.error_factor},
                      {"filter", settings.filter},
                      {"across", settings.across}};
  if (const auto& pair = settings.pair)
    json["settings"]["pair"] = {
        {"column", pair->column}, {"base", pair->base}, {"new", pair->current}};
  json["base"] = json_of(base);
  json["new"] = json_of(current);
  for (std::size_t i = 0; i < VERDICTS; ++i)
    json["counts"][std::string(name_of(static_cast<Verdict>(i)))] = comparison.counts[i];
  json["notes"] = comparison.notes;
  json["rows"] = nlohmann::ordered_json::array();
  for (const RowComparison& row : comparison.rows) {
    nlohmann::ordered_json one;
    for (const std::string_view column :
         {"row_id", "suite", "op", "case_id", "version", "kernel_set", "dtype"})
      one[std::string(column)] = row.row().text(column);
    one["verdict"] = name_of(row.verdict());
    one["findings"] = nlohmann::ordered_json::array();
    for (const Finding& finding : row.findings)
      one["findings"].push_back(
          {{"verdict", name_of(finding.verdict)}, {"detail", finding.detail}});
    if (row.time) {
      const TimeComparison& t = *row.time;
      one["time"] = {{"base_us", t.base_us},
                     {"new_us", t.current_us},
                     {"change", t.change()},
                     {"change_lo", t.change_low()},
                     {"change_hi", t.change_high()},
                     {"least", t.least},
                     {"p", t.p},
                     {"q", t.q},
                     {"cliffs_delta", t.cliffs_delta},
                     {"base_samples", t.base_samples},
                     {"new_samples", t.current_samples}};
    }
    json["rows"].push_back(std::move(one));
  }
  return json.dump(1) + "\n";
}

}  // namespace assay::reports
