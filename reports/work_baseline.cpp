#include "reports/work_baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <sstream>

#include "kernels/device/error.h"
#include "reports/row_findings.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// Said once for all rows.
constexpr std::array<std::string_view, 4> HEAD = {"device", "build_flags", "nvcc_version", "arch"};
// What a row is called by, beside suite and case_id.
constexpr std::array<std::string_view, 5> NAMES = {"op", "version", "kernel_set", "dtype",
                                                   "row_id"};
// A line of the text for each of these.
constexpr std::array<ColumnGroup, 3> GROUPS = {ColumnGroup::kCounted, ColumnGroup::kCompiled,
                                               ColumnGroup::kDerived};

bool has_exact(const Row& row) {
  return std::ranges::any_of(
      columns(), [&](const Column& column) { return is_exact(column) && row.has(column.name); });
}

bool was_skipped(const Row& row) {
  const std::string& status = row.text("status");
  return status == "SKIP" || status == "NOT_RUN";
}

// A cell of a row's first two lines, which spaces part.
std::string word(const Row& row, std::string_view column) {
  std::string cell = row.cell(column_index(column));
  if (cell.find_first_of(" \t\r\n") != std::string::npos)
    throw InputError(fmt::format("{} '{}' has a space in it: it cannot stand in a work baseline",
                                 column, printable(cell)));
  return cell;
}

// What rows have said of `column`, "" where none says anything.
std::string common_cell(const Report& report, std::string_view column) {
  std::string common;
  for (const Row& row : report.rows) {
    const std::string& cell = row.text(column);
    if (cell.empty() || was_skipped(row)) continue;
    if (!common.empty() && cell != common)
      throw InputError(fmt::format("{}: {} is '{}' and '{}'; a work baseline is of one build",
                                   report.file, column, printable(common), printable(cell)));
    common = cell;
  }
  return common;
}

std::string format_row_work(const Row& row) {
  std::string text = fmt::format("\n{} {}", row.text("suite"), word(row, "case_id"));
  for (const std::string_view name : NAMES)
    if (row.has(name)) text += fmt::format(" {}={}", name, word(row, name));
  text += '\n';
  for (const ColumnGroup group : GROUPS) {
    std::string line;
    for (const Column& column : columns())
      if (is_exact(column) && column.group == group && row.has(column.name))
        line += fmt::format(" {}={}", column.name, row.cell(column_index(column.name)));
    if (!line.empty()) text += " " + line + "\n";
  }
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : lines_(std::string(text)) {
    report_.file = file;
  }

  Report parse() {
    std::string line;
    while (std::getline(lines_, line)) {
      ++number_;
      if (line.empty() || line[0] == '#') continue;
      std::istringstream words(line);
      if (!versioned_) {
        if (line != "work 1") refuse("a work baseline begins with 'work 1'");
        versioned_ = true;
      } else if (line[0] == ' ') {
        if (report_.rows.empty()) refuse("these columns belong to no row");
        set_columns(words, true);
      } else {
        begin(line, words);
      }
    }
    if (report_.rows.empty()) refuse("the file ends without a row");
    return std::move(report_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw InputError(fmt::format("{}:{}: {}", report_.file, number_, what));
  }

  void begin(const std::string& line, std::istringstream& words) {
    std::string first;
    words >> first;
    if (std::ranges::find(HEAD, first) != HEAD.end()) {
      if (!report_.rows.empty()) refuse(first + " stands before all rows");
      const std::string value = line.size() > first.size() ? line.substr(first.size() + 1) : "";
      set(head_, first, value);
      return;
    }
    std::string case_id;
    if (!(words >> case_id)) refuse(fmt::format("'{}' is no row", printable(line)));
    report_.rows.push_back(head_);
    report_.lines.push_back(number_);
    set(report_.rows.back(), "suite", first);
    set(report_.rows.back(), "case_id", case_id);
    set(report_.rows.back(), "status", "PASS");
    set_columns(words, false);
    const std::string& row_id = report_.rows.back().text("row_id");
    if (row_id.empty()) refuse("the row has no row_id");
    if (!ids_.insert(row_id).second) refuse("row_id " + row_id + " is there twice");
  }

  void set_columns(std::istringstream& words, bool exact) {
    for (std::string pair; words >> pair;) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string::npos)
        refuse(fmt::format("'{}' is no column=value", printable(pair)));
      const std::string name = pair.substr(0, equals);
      const auto index = find_column(name);
      const bool fits = index && (exact ? is_exact(columns()[*index])
                                        : std::ranges::find(NAMES, name) != NAMES.end());
      if (!fits) refuse(fmt::format("'{}' does not stand here", printable(name)));
      set(report_.rows.back(), name, pair.substr(equals + 1));
    }
  }

  void set(Row& row, std::string_view column, const std::string& value) const {
    const std::string problem = row.parse(column_index(column), value);
    if (!problem.empty()) refuse(fmt::format("{}: {}", column, problem));
  }

  std::istringstream lines_;
  Report report_;
  Row head_;
  std::set<std::string> ids_;
  std::size_t number_ = 0;
  bool versioned_ = false;
};

void clear_compiled(Report& report) {
  for (Row& row : report.rows)
    for (const Column& column : columns())
      if (column.group == ColumnGroup::kCompiled) row.clear(column.name);
}

// Columns of the baseline that the new row lacks: what is not measured must not pass.
std::string lost_columns(const RowComparison& compared) {
  std::string lost;
  if (!compared.base || !compared.current || compared.current->text("status") != "PASS") return "";
  for (const Column& column : columns())
    if (is_exact(column) && compared.base->has(column.name) && !compared.current->has(column.name))
      lost += fmt::format("{}{}", lost.empty() ? "" : ", ", column.name);
  return lost;
}

}  // namespace

std::string format_work(const Report& report) {
  std::string text =
      "# What does not vary from run to run, of every row that passed: written by `report work\n"
      "# --update`, compared by `report work`.\nwork 1\n";
  for (const std::string_view column : HEAD) {
    const std::string cell = common_cell(report, column);
    if (!cell.empty()) text += fmt::format("{} {}\n", column, printable(cell));
  }
  std::set<std::string_view> ids;
  for (const Row& row : report.rows) {
    if (was_skipped(row)) continue;
    if (row.text("status") != "PASS")
      throw InputError(fmt::format("{}: {} is {}: only what is right becomes a baseline",
                                   report.file, row_name(row), row.text("status")));
    if (!has_exact(row)) continue;
    if (!ids.insert(row.text("row_id")).second)
      throw InputError(fmt::format("{}: row_id {}, {}, is there twice; give each row once",
                                   report.file, row.text("row_id"), row_name(row)));
    text += format_row_work(row);
  }
  if (ids.empty())
    throw InputError(report.file +
                     ": no row has a counted or compiled column; the emulated-traced build counts, "
                     "and --resources brings what is compiled");
  return text;
}

Report parse_work(std::string_view text, const std::string& file) {
  return Parser(text, file).parse();
}

WorkCheck check_work(const Report& baseline, const Report& current, bool counted_only) {
  Side base{baseline, {}};
  Side now{current, {}};
  if (counted_only) clear_compiled(base.report);
  if (counted_only) clear_compiled(now.report);
  std::set<std::string_view> known;
  for (const Row& row : base.report.rows) known.insert(row.text("row_id"));
  std::erase_if(now.report.rows, [&](const Row& row) {
    const bool says_nothing = was_skipped(row) || (row.text("status") == "PASS" && !has_exact(row));
    return says_nothing && !known.contains(row.text("row_id"));
  });
  // Times are none of this comparison's business.
  for (Row& row : now.report.rows)
    for (const Column& column : columns())
      if (column.group == ColumnGroup::kTime) row.clear(column.name);
  if (now.report.rows.empty())
    throw InputError(current.file + ": no row has a counted or compiled column");

  WorkCheck check;
  const Comparison comparison = compare(base, now, {});
  check.rows = comparison.rows.size();
  const auto add = [&](const RowComparison& row, Verdict verdict, const std::string& why) {
    auto& list = verdict == Verdict::kIncomparable ? check.not_judged : check.differences;
    list.push_back(fmt::format("{} {}{}{}", name_of(verdict), row_name(row.row()),
                               why.empty() ? "" : ": ", why));
  };
  for (const RowComparison& row : comparison.rows) {
    for (const Finding& finding : row.findings) {
      if (finding.verdict == Verdict::kSame || finding.verdict == Verdict::kUntimed) continue;
      add(row, finding.verdict, finding.detail);
    }
    if (const std::string lost = lost_columns(row); !lost.empty())
      add(row, Verdict::kMissing, "not measured any more: " + lost);
  }
  return check;
}

}  // namespace assay::reports
