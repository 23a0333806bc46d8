// Splits CSV into rows with libcsv in strict mode, and knows where in the file each cell began,
// which libcsv does not tell.
#pragma once

#include <csv.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay::reports {

struct CsvCell {
  std::string text;        ///< Without quotes.
  std::size_t offset = 0;  ///< Of its first byte, the quote included.
};

class CsvScanner {
 public:
  enum class Event {
    kRow,            ///< cells() is a row that has its line end.
    kCut,            ///< The text ends within the row that begins at row_offset().
    kUnclosedQuote,  ///< The text ends within a quoted cell that begins at problem_offset().
    kBadQuoting,     ///< problem_offset() is a quote, or follows one, that RFC 4180 does not allow.
    kEnd,
  };

  /// `text` must outlive the scanner.
  explicit CsvScanner(std::string_view text);
  ~CsvScanner();
  CsvScanner(const CsvScanner&) = delete;
  CsvScanner& operator=(const CsvScanner&) = delete;

  /// The next row or problem. After wrong quoting, goes on at the line below the one where the bad
  /// row began: a stray quote then costs its own row only.
  Event next();

  const std::vector<CsvCell>& cells() const { return cells_; }
  std::size_t row_offset() const { return row_offset_; }  ///< Where the row began.
  std::size_t row_end() const { return row_end_; }        ///< Of its line end's first byte.
  std::size_t at() const { return at_; }                  ///< Where the next row begins.
  std::size_t problem_offset() const { return problem_offset_; }

 private:
  static void on_cell(void* data, std::size_t size, void* self);
  static void on_row(int terminator, void* self);
  void start_parser();
  void start_row();
  Event bad_quoting(std::size_t offset);
  Event at_end();

  std::string_view text_;
  csv_parser parser_{};
  bool parsing_ = false;  // parser_ is initialised
  std::size_t at_ = 0;
  std::size_t chunk_end_ = 0;
  std::size_t cell_offset_ = 0;
  std::size_t row_offset_ = 0;
  std::size_t row_end_ = 0;
  std::size_t problem_offset_ = 0;
  bool row_done_ = false;
  std::vector<CsvCell> cells_;
};

}  // namespace assay::reports
