// The steps of a bisection as they are taken: rows that stay, and on a terminal one line below them
// that says what is going on right now.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace assay::bisect {

struct LiveColumn {
  std::string title;
  std::size_t width;   ///< Terminal cells; longer cells push the others aside.
  bool right = false;  ///< Aligned to the right, as numbers are.
};

class LiveTable {
 public:
  /// `terminal`: `out` is one, so that the line of what is going on may be overwritten; otherwise
  /// only rows are written, one line each, fit for a log.
  LiveTable(std::vector<LiveColumn> columns, std::ostream& out, bool terminal);
  /// Takes the line of what is going on away.
  ~LiveTable();
  LiveTable(const LiveTable&) = delete;
  LiveTable& operator=(const LiveTable&) = delete;

  /// A row that stays. Missing cells are empty. The titles come before the first one.
  void row(const std::vector<std::string>& cells);
  /// Text that stays, below the rows so far: a note between steps.
  void note(const std::string& text);
  /// What is going on; gone at the next call of anything. Nothing where `out` is no terminal.
  void now(const std::string& text);

 private:
  void line(const std::vector<std::string>& cells);
  void clear();

  std::vector<LiveColumn> columns_;
  std::ostream& out_;
  bool terminal_;
  bool titled_ = false;
  bool busy_ = false;  // a line of what is going on is on the screen
};

/// Whether standard output is a terminal that understands more than text.
bool is_terminal();

/// "850 ms", "12.3 s", "4 min 05 s", "2 h 10 min"
std::string duration_text(double seconds);

}  // namespace assay::bisect
