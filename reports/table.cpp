#include "reports/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/device/error.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr std::size_t GAP = 2;
constexpr std::size_t LEAST_WIDTH = 8;  // a cell cut below this says nothing

std::string padded(const std::string& cell, std::size_t width, Align align) {
  const std::size_t taken = display_width(cell);
  const std::string space(width > taken ? width - taken : 0, ' ');
  return align == Align::kRight ? space + cell : cell + space;
}

std::string escaped(const std::string& cell) {
  std::string out;
  for (const char c : cell) {
    if (c == '|' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Table::Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<std::string> cells) {
  if (cells.size() != columns_.size())
    throw Error(
        fmt::format("table: {} cells for a table of {} columns", cells.size(), columns_.size()));
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::used_columns() const {
  std::vector<std::size_t> used;
  for (std::size_t c = 0; c < columns_.size(); ++c)
    if (std::ranges::any_of(rows_, [&](const auto& row) { return !row[c].empty(); }))
      used.push_back(c);
  return used;
}

std::string Table::text(std::size_t width) const {
  const std::vector<std::size_t> used = used_columns();
  std::vector<std::size_t> widths(columns_.size());
  std::size_t total = 0;
  for (const std::size_t c : used) {
    widths[c] = display_width(columns_[c].title);
    for (const auto& row : rows_) widths[c] = std::max(widths[c], display_width(row[c]));
    total += widths[c] + GAP;
  }
  total -= std::min(total, GAP);
  while (width > 0 && total > width) {
    // The widest of those that may shrink gives way, a cell at a time.
    std::size_t* widest = nullptr;
    for (const std::size_t c : used)
      if (columns_[c].may_shrink && widths[c] > LEAST_WIDTH && (!widest || widths[c] > *widest))
        widest = &widths[c];
    if (!widest) break;
    --*widest;
    --total;
  }

  std::string out;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (const std::size_t c : used) {
      if (c != used.front()) line.append(GAP, ' ');
      line += padded(fit(cell_of(c), widths[c]), widths[c], columns_[c].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  add_line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
  for (const auto& row : rows_)
    add_line([&](std::size_t c) -> const std::string& { return row[c]; });
  return out;
}

std::string Table::markdown() const {
  const std::vector<std::size_t> used = used_columns();
  std::string out = "|";
  for (const std::size_t c : used) out += fmt::format(" {} |", escaped(columns_[c].title));
  out += "\n|";
  for (const std::size_t c : used) out += columns_[c].align == Align::kRight ? " ---: |" : " --- |";
  out += "\n";
  for (const auto& row : rows_) {
    out += "|";
    for (const std::size_t c : used) out += fmt::format(" {} |", escaped(row[c]));
    out += "\n";
  }
  return out;
}

}  // namespace assay::reports
