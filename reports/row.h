// One row of a report: cells by column name, each checked against the schema.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "reports/schema.h"

namespace assay::reports {

/// Every setter and getter throws assay::Error, naming the column, where the schema has no such
/// column, the column holds another type, an enum has no such value, text is not UTF-8, or a number
/// is NaN or infinite where the column does not allow it. An empty cell means: not measured.
class Row {
 public:
  Row();

  /// String and enum columns. An empty text empties the cell.
  Row& set(std::string_view column, std::string_view text);

  /// Integer columns (signed 64 bits), and real ones.
  template <std::integral I>
  requires(!std::same_as<std::remove_cv_t<I>, bool>) Row& set(std::string_view column, I value) {
    if (!std::in_range<std::int64_t>(value)) refuse_range(column, std::to_string(value));
    return set_integer(column, static_cast<std::int64_t>(value));
  }

  /// Real columns.
  template <std::floating_point F>
  Row& set(std::string_view column, F value) {
    return set_real(column, static_cast<double>(value));
  }

  /// Enum columns of yes and no.
  template <std::same_as<bool> B>
  Row& set(std::string_view column, B value) {
    return set(column, std::string_view(value ? "yes" : "no"));
  }

  /// Sets the cell if there is a value, empties it if there is none.
  template <typename T>
  Row& set(std::string_view column, const std::optional<T>& value) {
    return value ? set(column, *value) : clear(column);
  }

  Row& clear(std::string_view column);

  bool has(std::string_view column) const;

  /// Of a string or enum column; "" where not measured.
  const std::string& text(std::string_view column) const;
  /// Of an integer column.
  std::optional<std::int64_t> integer(std::string_view column) const;
  /// Of a real or integer column.
  std::optional<double> real(std::string_view column) const;
  /// Of an enum column of yes and no.
  std::optional<bool> flag(std::string_view column) const;

  /// The cell as the CSV has it, before quoting: '.' as the decimal mark in every locale, reals in
  /// the fewest digits that read back as the same double, "" where not measured.
  std::string cell(std::size_t column) const;

  /// Reads a cell as the CSV has it. Returns what is wrong with it, or "" after setting it.
  std::string parse(std::size_t column, std::string_view text);

  /// What makes the row as a whole unfit for a report, or "": a required column empty, a utc that
  /// is none, a size, count or time below zero, a median that is no time, quantiles or the median's
  /// interval out of order, PASS beside an error that is NaN, infinite or negative.
  std::string problem() const;

  bool operator==(const Row&) const = default;

 private:
  using Cell = std::variant<std::monostate, std::string, std::int64_t, double>;

  [[noreturn]] static void refuse_range(std::string_view column, const std::string& value);
  Row& set_integer(std::string_view column, std::int64_t value);
  Row& set_real(std::string_view column, double value);

  std::vector<Cell> cells_;
};

}  // namespace assay::reports
