#include "reports/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/csv_scanner.h"
#include "reports/identity.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr std::string_view BYTE_ORDER_MARK = "\xEF\xBB\xBF";
constexpr std::size_t MOST_IN_MESSAGE = 5;

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), scanner_(text_) {
    report_.file = file;
    for (std::size_t i = 0; i < text_.size(); ++i)
      if (text_[i] == '\n') newlines_.push_back(i);
  }

  Report read() {
    read_header();
    using enum CsvScanner::Event;
    for (auto event = scanner_.next(); event != kEnd; event = scanner_.next()) {
      switch (event) {
        case kRow:
          read_row();
          break;
        case kCut:
          cut(scanner_.row_offset());
          break;
        case kUnclosedQuote:
          if (!unclosed_)
            unclosed_ = {scanner_.row_offset(), report_.rows.size(), report_.diagnostics.size()};
          error(scanner_.problem_offset(), "wrong quoting: the quote opened here is never closed");
          break;
        case kBadQuoting:
          error(scanner_.problem_offset(),
                "wrong quoting: a cell with quotes in it is quoted as a "
                "whole, and a quote inside it is doubled");
          break;
        case kEnd:
          break;
      }
    }
    finish();
    return std::move(report_);
  }

 private:
  struct Place {
    std::size_t line;
    std::size_t column;
  };
  struct Unclosed {
    std::size_t row_offset;
    std::size_t rows;         // good ones before it
    std::size_t diagnostics;  // before it
  };
  struct OtherVersion {
    std::size_t diagnostic;
    std::size_t rows;
  };

  Place locate(std::size_t offset) const {
    const auto above = std::ranges::lower_bound(newlines_, offset) - newlines_.begin();
    const std::size_t begin = above == 0 ? 0 : newlines_[static_cast<std::size_t>(above) - 1] + 1;
    return {static_cast<std::size_t>(above) + 1, offset - begin + 1};
  }

  void add(std::size_t offset, std::string what, Severity severity, bool is_cut) {
    const Place place = locate(offset);
    report_.diagnostics.push_back(
        {report_.file, place.line, place.column, std::move(what), severity, is_cut});
  }
  void error(std::size_t offset, std::string what) {
    add(offset, std::move(what), Severity::kError, false);
  }
  void cut(std::size_t offset) {
    add(offset, "the file ends in the middle of this row, which is dropped", Severity::kError,
        true);
  }

  void read_header() {
    if (text_.empty())
      throw InputError(
          fmt::format("{}: is empty; a report begins with a header row", report_.file));
    const auto event = scanner_.next();
    if (event == CsvScanner::Event::kEnd)
      throw InputError(
          fmt::format("{}: has only empty lines; a report begins with a header row", report_.file));
    if (event == CsvScanner::Event::kCut) {
      cut(0);
    } else if (event != CsvScanner::Event::kRow) {
      error(scanner_.problem_offset(), "wrong quoting in the header row");
      throw_unusable();
    }
    std::vector<bool> seen(columns().size());
    for (const CsvCell& cell : scanner_.cells()) {
      std::string_view name = cell.text;
      if (cell.offset == 0 && name.starts_with(BYTE_ORDER_MARK))
        name.remove_prefix(BYTE_ORDER_MARK.size());
      auto index = find_column(name);
      if (!index) {
        error(cell.offset, fmt::format("unknown column '{}'; schema version {} has none of that "
                                       "name",
                                       printable(name), SCHEMA_VERSION));
      } else if (seen[*index]) {
        error(cell.offset, fmt::format("column '{}' is there twice; the first one counts", name));
        index.reset();
      } else {
        seen[*index] = true;
      }
      header_.push_back(index);
    }
    check_header(seen);
    report_.whole_bytes = event == CsvScanner::Event::kCut ? 0 : scanner_.at();
  }

  void check_header(const std::vector<bool>& seen) {
    const std::size_t end = scanner_.cells().back().offset;
    bool usable = true;
    for (std::size_t i = 0; i < columns().size(); ++i) {
      if (seen[i]) continue;
      error(end, fmt::format("missing column '{}'", columns()[i].name));
      usable = usable && !columns()[i].has(kRequired);
    }
    if (!usable) throw_unusable();
    report_.in_schema_order = header_.size() == columns().size();
    for (std::size_t i = 0; report_.in_schema_order && i < header_.size(); ++i)
      report_.in_schema_order = header_[i] == i;
  }

  // Another version's cells mean other things, so the row is judged by its version first. A whole
  // file of them is one diagnostic, not thousands.
  bool is_other_version(const std::vector<CsvCell>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (header_[i] != column_index("schema_version")) continue;
      if (cells[i].text == std::to_string(SCHEMA_VERSION) || cells[i].text.empty()) return false;
      const auto [found, is_new] =
          other_versions_.try_emplace(cells[i].text, OtherVersion{report_.diagnostics.size(), 0});
      ++found->second.rows;
      if (is_new)
        error(cells[i].offset, fmt::format("schema_version: '{}'; this program reads version {}",
                                           printable(cells[i].text), SCHEMA_VERSION));
      return true;
    }
    return false;
  }

  void read_row() {
    const std::vector<CsvCell>& cells = scanner_.cells();
    report_.whole_bytes = scanner_.at();
    if (cells.size() != header_.size()) {
      const bool more = cells.size() > header_.size();
      error(more ? cells[header_.size()].offset : scanner_.row_end(),
            fmt::format("{} cells in a row; the header has {}", cells.size(), header_.size()));
      return;
    }
    if (is_other_version(cells)) return;
    Row row;
    bool good = true;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!header_[i]) continue;
      const std::string wrong = row.parse(*header_[i], cells[i].text);
      if (wrong.empty()) continue;
      error(cells[i].offset, fmt::format("{}: {}", columns()[*header_[i]].name, wrong));
      good = false;
    }
    if (!good) return;
    if (const std::string problem = row.problem(); !problem.empty()) {
      error(scanner_.row_offset(), problem);
      return;
    }
    if (const std::string right = make_row_id(row); row.text("row_id") != right) {
      error(scanner_.row_offset(),
            fmt::format("row_id: {} is not the hash of the row's key columns, {}; somebody changed "
                        "the row by hand",
                        printable(row.text("row_id")), right));
      return;
    }
    const std::size_t line = locate(scanner_.row_offset()).line;
    const auto [first, is_new] =
        seen_.try_emplace(row.text("run_id") + "\n" + row.text("row_id"), line);
    if (!is_new) {
      error(
          scanner_.row_offset(),
          fmt::format("row_id {} of run {} is there twice, first in line {}, which counts",
                      printable(row.text("row_id")), printable(row.text("run_id")), first->second));
      return;
    }
    report_.rows.push_back(std::move(row));
    report_.lines.push_back(line);
  }

  void finish() {
    for (const auto& [version, other] : other_versions_)
      if (other.rows > 1)
        report_.diagnostics[other.diagnostic].what +=
            fmt::format(" (and {} more rows of that version)", other.rows - 1);
    // No good row after a quote that is never closed: it is not stray, the file was cut in a quoted
    // cell of several lines.
    if (unclosed_ && unclosed_->rows == report_.rows.size()) {
      report_.diagnostics.resize(unclosed_->diagnostics);
      cut(unclosed_->row_offset);
      report_.whole_bytes = unclosed_->row_offset;
    }
    const auto bad = [](const Diagnostic& d) { return d.severity == Severity::kError && !d.cut; };
    if (report_.rows.empty() && std::ranges::any_of(report_.diagnostics, bad)) throw_unusable();
  }

  [[noreturn]] void throw_unusable() const {
    std::string message = fmt::format("{}: nothing in it is usable as a report", report_.file);
    const auto& all = report_.diagnostics;
    for (std::size_t i = 0; i < std::min(all.size(), MOST_IN_MESSAGE); ++i)
      message += "\n" + to_string(all[i]);
    if (all.size() > MOST_IN_MESSAGE)
      message += fmt::format("\nand {} more", all.size() - MOST_IN_MESSAGE);
    throw InputError(message);
  }

  std::string_view text_;
  CsvScanner scanner_;
  std::vector<std::size_t> newlines_;
  std::vector<std::optional<std::size_t>> header_;  // schema column of each CSV column, if any
  std::unordered_map<std::string, std::size_t> seen_;
  std::map<std::string, OtherVersion> other_versions_;
  std::optional<Unclosed> unclosed_;
  Report report_;
};

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  return fmt::format("{}:{}:{}: {}: {}", diagnostic.file, diagnostic.line, diagnostic.column,
                     diagnostic.severity == Severity::kError ? "error" : "warning",
                     diagnostic.what);
}

bool Report::has_errors() const {
  return std::ranges::any_of(diagnostics,
                             [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

Report read_report(const std::filesystem::path& path) {
  return parse_report(read_file(path), path.string());
}

Report parse_report(std::string_view text, const std::string& file) {
  return Reader(text, file).read();
}

}  // namespace assay::reports
