#include "reports/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <unordered_map>
#include <utility>

#include "kernels/device/error.h"
#include "reports/identity.h"
#include "reports/row_findings.h"
#include "reports/schema.h"
#include "reports/text.h"
#include "reports/writer.h"

namespace assay::reports {
namespace {

constexpr std::string_view NAMES[VERDICTS] = {
    "BROKEN", "WORSE-ERROR", "SLOWER", "CHANGED-WORK", "MISSING", "INCOMPARABLE", "UNCLEAR",
    "FASTER", "LESS-WORK",   "FIXED",  "NEW",          "SAME",    "UNTIMED"};

// A merged report may hold several runs and machines; what is compared is one row with one row.
void keep_one_row_each(Report& report) {
  std::unordered_map<std::string, std::size_t> first;  // row_id -> index among the kept
  std::vector<Row> rows;
  std::vector<std::size_t> lines;
  const auto complain = [&](std::size_t line, std::string what) {
    report.diagnostics.push_back({report.file, line, 1, std::move(what)});
  };
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    Row& row = report.rows[i];
    const std::size_t line = report.lines[i];
    const std::string& row_id = row.text("row_id");
    for (const std::string_view column : {"device", "gpu_name"})
      if (!rows.empty() && rows[0].text(column) != row.text(column))
        complain(line, fmt::format("{}: '{}', but the rows from line {} on are of '{}'; compare "
                                   "reports of one device each",
                                   column, printable(row.text(column)), lines[0],
                                   printable(rows[0].text(column))));
    if (!rows.empty() && (rows[0].text("device") != row.text("device") ||
                          rows[0].text("gpu_name") != row.text("gpu_name")))
      continue;
    const auto [found, is_new] = first.try_emplace(row_id, rows.size());
    if (!is_new) {
      complain(line, fmt::format(
                         "row_id {} of run {} is there from run {} too, in line {}, which counts; "
                         "compare reports of one run each",
                         row_id, printable(row.text("run_id")),
                         printable(rows[found->second].text("run_id")), lines[found->second]));
      continue;
    }
    lines.push_back(line);
    rows.push_back(std::move(row));
  }
  report.rows = std::move(rows);
  report.lines = std::move(lines);
}

// Where LibTorch's time of the same work moved by this share of what a row's did, or more, it is
// not the kernel.
constexpr double CONTROL_SHARE = 0.5;

bool has_time(const Row& row) { return row.has("t_median_us"); }

// Hundreds of times the same message help nobody.
std::string counted_columns(const std::map<std::string_view, std::size_t>& one_sided) {
  std::vector<std::string> parts;
  for (const auto& [column, rows] : one_sided)
    parts.push_back(fmt::format("{} ({})", column, rows));
  return fmt::format("measured in one of the reports only, and so not compared (rows): {}",
                     fmt::join(parts, ", "));
}

class Comparer {
 public:
  Comparer(const Side& base, const Side& current, const CompareSettings& settings)
      : base_(base), current_(current), settings_(settings) {}

  Comparison run() {
    check_settings();
    match();
    for (RowComparison& row : result_.rows) {
      if (row.current) compare_status(row.base, *row.current, row.findings);
      if (row.base && row.current) compare_rows(row);
    }
    judge_times();
    for (RowComparison& row : result_.rows) finish(row);
    if (const std::size_t rows = bad_in_both(); rows > 0)
      result_.notes.push_back(
          fmt::format("rows that fail in both reports, which is no regression: {}", rows));
    if (!one_sided_.empty()) result_.notes.push_back(counted_columns(one_sided_));
    sort();
    return std::move(result_);
  }

 private:
  void check_settings() const {
    const auto known = incomparable_columns();
    for (const std::string& column : settings_.across)
      if (std::ranges::find(known, column) == known.end())
        throw InputError(fmt::format("across '{}': columns that may be ignored are {}", column,
                                     fmt::join(known, ", ")));
    const std::string& before = base_.report.rows.front().text("device");
    const std::string& now = current_.report.rows.front().text("device");
    if (before != now)
      throw InputError(
          fmt::format("{} is of device {}, {} of device {}: the two are never compared",
                      base_.report.file, before, current_.report.file, now));
  }

  void match() {
    const std::vector<const Row*> before = chosen(base_, &Pairing::base);
    const std::vector<const Row*> now = chosen(current_, &Pairing::current);
    std::unordered_map<std::string, const Row*> by_id;
    for (const Row* row : before) by_id.emplace(match_id(*row), row);
    result_.rows.reserve(by_id.size());
    for (const Row* row : now) {
      RowComparison& made = result_.rows.emplace_back();
      made.current = row;
      if (const auto node = by_id.extract(match_id(*row))) made.base = node.mapped();
    }
    for (const Row* row : before)
      if (by_id.contains(match_id(*row))) result_.rows.emplace_back().base = row;
    if (std::ranges::none_of(result_.rows, [](const auto& row) { return row.base && row.current; }))
      throw InputError(nothing_in_common(before, now));
  }

  std::string nothing_in_common(const std::vector<const Row*>& before,
                                const std::vector<const Row*>& now) const {
    for (const auto& [side, rows] : {std::pair{&base_, &before}, std::pair{&current_, &now}})
      if (rows->empty())
        return fmt::format("filter '{}' matches no row of {}; a row there is called '{}'",
                           settings_.filter, side->report.file,
                           printable(row_name(side->report.rows.front())));
    const Row& row = *now.front();
    const Row* nearest = *std::ranges::min_element(
        before, {}, [&](const Row* other) { return keys_apart(*other, row).size(); });
    return fmt::format(
        "{} and {} have no row in common, of {} and {}; '{}' of the one is nearest to '{}' of the "
        "other, but for {}; compare reports of the same cases{}",
        base_.report.file, current_.report.file, before.size(), now.size(),
        printable(row_name(*nearest)), printable(row_name(row)),
        printable(fmt::format("{}", fmt::join(keys_apart(*nearest, row), ", "))),
        settings_.pair ? "" : ", or pair rows that differ in one column by --pair");
  }

  // The key columns, without the pair's, that make these rows different work.
  std::vector<std::string> keys_apart(const Row& base, const Row& current) const {
    std::vector<std::string> apart;
    for (std::size_t i = 0; i < columns().size(); ++i) {
      const Column& column = columns()[i];
      if (!column.has(kKey) || (settings_.pair && column.name == settings_.pair->column)) continue;
      if (base.cell(i) != current.cell(i))
        apart.push_back(
            fmt::format("{} '{}' and '{}'", column.name, base.cell(i), current.cell(i)));
    }
    return apart;
  }

  // Rows that the filter and the pair let through.
  std::vector<const Row*> chosen(const Side& side, std::string Pairing::*value) const {
    const auto wanted = matcher(settings_.filter, "filter");
    const auto& pair = settings_.pair;
    std::vector<const Row*> rows;
    std::set<std::string> values;
    for (const Row& row : side.report.rows) {
      if (pair) values.insert(row.text(pair->column));
      if (pair && row.text(pair->column) != (*pair).*value) continue;
      if (settings_.filter.empty() || wanted(row_name(row))) rows.push_back(&row);
    }
    if (pair && !values.contains((*pair).*value))
      throw InputError(fmt::format("pair: {} has no row whose {} is '{}'; there are: {}",
                                   side.report.file, pair->column, (*pair).*value,
                                   printable(fmt::format("{}", fmt::join(values, ", ")))));
    return rows;
  }

  std::string match_id(const Row& row) const {
    return settings_.pair ? make_row_id(row, settings_.pair->column) : row.text("row_id");
  }

  void compare_rows(RowComparison& row) {
    const Row& before = *row.base;
    const Row& now = *row.current;
    std::vector<std::string_view> one_sided;
    compare_errors(before, now, settings_.error_factor, settings_.across, row.findings, one_sided);
    if (!settings_.pair) compare_work(before, now, settings_.across, row.findings, one_sided);
    for (const std::string_view column : one_sided) ++one_sided_[column];
    if (!has_time(before) && !has_time(now)) return;
    if (!has_time(before) || !has_time(now)) {
      // A broken or skipped row says so already.
      if (before.text("status") == now.text("status"))
        row.findings.push_back({Verdict::kUnclear, has_time(before) ? "no time in the new report"
                                                                    : "no time in the base"});
      return;
    }
    if (std::string why = incomparable_times(before, now, settings_.across); !why.empty()) {
      row.findings.push_back({Verdict::kIncomparable, std::move(why)});
      return;
    }
    const auto* samples = base_.samples.find(before.text("run_id"), before.text("row_id"));
    const auto* new_samples = current_.samples.find(now.text("run_id"), now.text("row_id"));
    if (!samples || !new_samples) {
      row.findings.push_back(
          {Verdict::kUnclear, samples ? "no samples in the new report" : "no samples in the base"});
      return;
    }
    JudgeSettings of_row = settings_.judge;
    if (settings_.least_of) of_row.least = settings_.least_of(now);
    const double log_least = of_row.log_least();
    row.time = measure(examine(*samples, log_least), examine(*new_samples, log_least), of_row);
  }

  void judge_times() {
    std::vector<TimeComparison*> times;
    for (RowComparison& row : result_.rows)
      if (row.time) times.push_back(&*row.time);
    judge(times, settings_.judge);
    for (RowComparison& row : result_.rows) {
      if (!row.time) continue;
      const bool differs =
          row.time->verdict == TimeVerdict::kSlower || row.time->verdict == TimeVerdict::kFaster;
      std::string why =
          differs ? limited_in_one(*row.base, *row.current, settings_.across) : std::string();
      if (!why.empty()) {
        row.findings.push_back({Verdict::kIncomparable, std::move(why)});
        continue;
      }
      const auto control = differs ? moved_control(row) : std::nullopt;
      if (control) {
        row.findings.push_back(
            {Verdict::kUnclear, fmt::format("LibTorch's time of the same work moved by {} too",
                                            percent(std::expm1(*control)))});
        continue;
      }
      switch (row.time->verdict) {
        case TimeVerdict::kSlower:
          row.findings.push_back({Verdict::kSlower, ""});
          break;
        case TimeVerdict::kFaster:
          row.findings.push_back({Verdict::kFaster, ""});
          break;
        case TimeVerdict::kUnclear:
          row.findings.push_back({Verdict::kUnclear, row.time->why});
          break;
        case TimeVerdict::kSame:
          break;
      }
    }
  }

  // The logarithm of what LibTorch's time, in the same runs and on the same memory, went up by,
  // where that is CONTROL_SHARE of what the row's did, or more.
  static std::optional<double> moved_control(const RowComparison& row) {
    const auto before = row.base->real("ref_median_us");
    const auto now = row.current->real("ref_median_us");
    if (!before || !now || !(*before > 0) || !(*now > 0)) return std::nullopt;
    if (row.base->text("torch_version") != row.current->text("torch_version")) return std::nullopt;
    const double moved = std::log(*now / *before);
    if (moved / row.time->ratio.estimate < CONTROL_SHARE) return std::nullopt;
    return moved;
  }

  std::size_t bad_in_both() const {
    return static_cast<std::size_t>(std::ranges::count_if(result_.rows, [](const auto& row) {
      return row.base && row.current && has_bad_status(*row.base) && has_bad_status(*row.current);
    }));
  }

  void finish(RowComparison& row) {
    if (!row.base) row.findings.push_back({Verdict::kNew, ""});
    if (!row.current) row.findings.push_back({Verdict::kMissing, ""});
    if (row.findings.empty())
      row.findings.push_back({row.time ? Verdict::kSame : Verdict::kUntimed, ""});
    std::ranges::stable_sort(row.findings, {}, &Finding::verdict);
    ++result_.counts[static_cast<std::size_t>(row.verdict())];
  }

  void sort() {
    const auto effect = [](const RowComparison& row) {
      return row.time ? std::abs(row.time->ratio.estimate) : 0.0;
    };
    std::ranges::sort(result_.rows, [&](const RowComparison& a, const RowComparison& b) {
      if (a.verdict() != b.verdict()) return a.verdict() < b.verdict();
      if (effect(a) != effect(b)) return effect(a) > effect(b);
      const std::string name_a = row_name(a.row());
      const std::string name_b = row_name(b.row());
      if (name_a != name_b) return natural_less(name_a, name_b);
      return a.row().text("row_id") < b.row().text("row_id");
    });
  }

  const Side& base_;
  const Side& current_;
  const CompareSettings& settings_;
  Comparison result_;
  std::map<std::string_view, std::size_t> one_sided_;  // column -> rows
};

}  // namespace

std::string_view name_of(Verdict verdict) { return NAMES[static_cast<std::size_t>(verdict)]; }

std::optional<Verdict> find_verdict(std::string_view name) {
  const auto* found = std::ranges::find(NAMES, name);
  if (found == std::end(NAMES)) return std::nullopt;
  return static_cast<Verdict>(found - std::begin(NAMES));
}

bool is_regression(Verdict verdict) {
  return verdict == Verdict::kBroken || verdict == Verdict::kWorseError ||
         verdict == Verdict::kSlower || verdict == Verdict::kChangedWork;
}

const Finding* RowComparison::find(Verdict wanted) const {
  const auto found = std::ranges::find(findings, wanted, &Finding::verdict);
  return found == findings.end() ? nullptr : &*found;
}

bool Comparison::has_regression() const {
  return std::ranges::any_of(rows,
                             [](const RowComparison& row) { return is_regression(row.verdict()); });
}

std::string row_name(const Row& row) {
  std::string name = row.text("case_id");
  for (const std::string_view column : {"version", "kernel_set", "dtype"})
    if (row.has(column)) name += " " + row.text(column);
  return name;
}

Pairing parse_pairing(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = text.find(':', equals == text.npos ? 0 : equals);
  if (equals == text.npos || colon == text.npos || text.find(':', colon + 1) != text.npos)
    throw InputError(fmt::format(
        "pair '{}': COLUMN=BASE:NEW is wanted, as version=v1_two_pass:v2_registers", text));
  Pairing pair{text.substr(0, equals), text.substr(equals + 1, colon - equals - 1),
               text.substr(colon + 1)};
  std::vector<std::string_view> keys;
  for (const Column& column : columns())
    if (column.has(kKey)) keys.push_back(column.name);
  if (std::ranges::find(keys, pair.column) == keys.end())
    throw InputError(fmt::format("pair: '{}' is no column that tells rows apart; those are {}",
                                 pair.column, fmt::join(keys, ", ")));
  return pair;
}

std::function<bool(const std::string&)> matcher(const std::string& expression,
                                                std::string_view what) {
  // libstdc++'s other way to search takes time that doubles with each letter for some expressions.
  constexpr auto HOW = std::regex::ECMAScript | std::regex_constants::__polynomial;
  try {
    return [regex = std::regex(expression, HOW)](const std::string& text) {
      return std::regex_search(text, regex);
    };
  } catch (const std::regex_error& error) {
    throw InputError(
        fmt::format("{} '{}' is no regular expression: {}", what, expression, error.what()));
  }
}

Side read_side(const std::filesystem::path& path) {
  Side side{read_report(path), {}};
  Report& report = side.report;
  const std::filesystem::path beside = samples_path(path);
  const bool timed = std::ranges::any_of(report.rows, has_time);
  std::error_code ignored;
  side.samples.file = beside.string();
  if (timed || std::filesystem::exists(beside, ignored)) {
    try {
      side.samples = read_samples(beside);
    } catch (const InputError& error) {
      throw InputError(
          fmt::format("{}; the raw samples of {} belong there", error.what(), report.file));
    }
    auto& all = report.diagnostics;
    all.insert(all.end(), side.samples.diagnostics.begin(), side.samples.diagnostics.end());
    const auto unfit = check_samples(report, side.samples);
    all.insert(all.end(), unfit.begin(), unfit.end());
  }
  keep_one_row_each(report);
  if (report.rows.empty()) {
    std::string message = fmt::format("{}: has no rows to compare", report.file);
    for (const Diagnostic& diagnostic : report.diagnostics) message += "\n" + to_string(diagnostic);
    throw InputError(message);
  }
  return side;
}

Comparison compare(const Side& base, const Side& current, const CompareSettings& settings) {
  return Comparer(base, current, settings).run();
}

}  // namespace assay::reports
