// Tables for terminals and for Markdown.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace assay::reports {

enum class Align { kLeft, kRight };

struct TableColumn {
  std::string title;
  Align align = Align::kLeft;
  /// Cells of this column may be cut in the middle where the table would be too wide.
  bool may_shrink = false;
};

class Table {
 public:
  explicit Table(std::vector<TableColumn> columns);

  /// One cell per column; throws assay::Error on any other number.
  void add(std::vector<std::string> cells);

  bool empty() const { return rows_.empty(); }

  /// Aligned text, two spaces between columns. Columns without a single value are left out; those
  /// that may shrink do so until a line takes at most `width` terminal cells (0: no limit).
  std::string text(std::size_t width = 0) const;

  /// A pipe table, nothing cut.
  std::string markdown() const;

 private:
  std::vector<std::size_t> used_columns() const;

  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace assay::reports
