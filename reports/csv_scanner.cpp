#include "reports/csv_scanner.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/device/error.h"

namespace assay::reports {

CsvScanner::CsvScanner(std::string_view text) : text_(text) { start_parser(); }

CsvScanner::~CsvScanner() {
  if (parsing_) csv_free(&parser_);
}

void CsvScanner::start_parser() {
  if (parsing_) csv_free(&parser_);
  parsing_ = csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) == 0;
  if (!parsing_) throw Error("report: libcsv could not be initialised");
  // By itself libcsv trims spaces and tabs; RFC 4180 makes them part of the cell.
  csv_set_space_func(&parser_, [](unsigned char) { return 0; });
}

// libcsv is C: nothing may be thrown through it, so these only take notes.
void CsvScanner::on_cell(void* data, std::size_t size, void* self) {
  auto& scanner = *static_cast<CsvScanner*>(self);
  scanner.cells_.push_back(
      {size > 0 ? std::string(static_cast<const char*>(data), size) : std::string(),
       scanner.cell_offset_});
  scanner.cell_offset_ = scanner.chunk_end_;
}

void CsvScanner::on_row(int, void* self) { static_cast<CsvScanner*>(self)->row_done_ = true; }

void CsvScanner::start_row() {
  cells_.clear();
  row_done_ = false;
  row_offset_ = cell_offset_ = at_;
}

CsvScanner::Event CsvScanner::next() {
  start_row();
  while (at_ < text_.size()) {
    // Up to and including the next byte at which a cell can end: what libcsv reports during this
    // call ends there, and the next cell begins right after it.
    const std::size_t special = std::min(text_.find_first_of(",\"\r\n", at_), text_.size() - 1);
    chunk_end_ = special + 1;
    if (at_ == row_offset_ && special == at_ && (text_[at_] == '\r' || text_[at_] == '\n')) {
      // The LF of CRLF, or an empty line: libcsv passes over both.
      csv_parse(&parser_, text_.data() + at_, 1, on_cell, on_row, this);
      at_ = chunk_end_;
      start_row();
      continue;
    }
    const std::size_t size = chunk_end_ - at_;
    const std::size_t used = csv_parse(&parser_, text_.data() + at_, size, on_cell, on_row, this);
    if (used != size) {
      if (csv_error(&parser_) != CSV_EPARSE)
        throw Error(fmt::format("report: libcsv: {}", csv_strerror(csv_error(&parser_))));
      return bad_quoting(at_ + used);
    }
    at_ = chunk_end_;
    if (row_done_) {
      row_end_ = special;
      if (text_[special] == '\r' && at_ < text_.size() && text_[at_] == '\n') {
        csv_parse(&parser_, text_.data() + at_, 1, on_cell, on_row, this);
        ++at_;
      }
      return Event::kRow;
    }
  }
  return at_end();
}

CsvScanner::Event CsvScanner::bad_quoting(std::size_t offset) {
  // A cell that spans lines was most likely opened by a stray quote: point at that one.
  const bool spans = text_.substr(cell_offset_, offset - cell_offset_).find('\n') != text_.npos;
  problem_offset_ = spans ? cell_offset_ : offset;
  const std::size_t newline = text_.find('\n', row_offset_);
  at_ = newline == text_.npos ? text_.size() : newline + 1;
  start_parser();
  return Event::kBadQuoting;
}

CsvScanner::Event CsvScanner::at_end() {
  if (row_offset_ >= text_.size()) return Event::kEnd;
  const bool unclosed = csv_fini(&parser_, on_cell, on_row, this) != 0;
  start_parser();
  problem_offset_ = unclosed ? cell_offset_ : row_offset_;
  const std::size_t newline = text_.find('\n', row_offset_);
  if (!unclosed || newline == text_.npos) {
    at_ = text_.size();
    return Event::kCut;
  }
  at_ = newline + 1;
  return Event::kUnclosedQuote;
}

}  // namespace assay::reports
