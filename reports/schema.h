// The schema of the CSV report: one table of columns. Writer, reader, row_id and `report columns`
// all read this table, so a column exists exactly when it has a line here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::reports {

/// Raised by one whenever a column is added, removed, renamed or changes its meaning.
inline constexpr std::int64_t SCHEMA_VERSION = 3;

enum class ColumnType : std::uint8_t { kString, kInteger, kReal, kEnum };

enum class ColumnGroup : std::uint8_t {
  kIdentity,
  kCode,
  kMachine,
  kProblem,
  kCorrectness,
  kTime,
  kCounted,
  kCompiled,
  kDerived,
  kConditions,
};

/// Traits of a column, as bits of `Column::traits`.
enum ColumnTrait : unsigned {
  kNone = 0,
  /// Part of the row's identity: row_id is computed from these columns and no others.
  kKey = 1u << 0,
  /// Never empty: a row without it can be neither written nor read.
  kRequired = 1u << 1,
  /// NaN and infinities may stand here, written nan, inf, -inf: they are what a failing kernel
  /// measured. Everywhere else they are refused.
  kNonFinite = 1u << 2,
};

struct Column {
  std::string_view name;
  ColumnType type;
  ColumnGroup group;
  unsigned traits;
  std::string_view unit;    ///< "" where the column has none.
  std::string_view values;  ///< Of an enum: its values, parted by '|'; else "".
  std::string_view meaning;

  bool has(ColumnTrait trait) const { return (traits & trait) != 0; }
};

/// All columns, in the order of the header row.
std::span<const Column> columns();

/// Index of the column called `name` in columns().
std::optional<std::size_t> find_column(std::string_view name);

/// The same; throws assay::Error naming the column where the schema has none of that name.
std::size_t column_index(std::string_view name);

std::string_view name_of(ColumnType type);
std::string_view name_of(ColumnGroup group);

/// The values that an enum column takes.
std::vector<std::string_view> values_of(const Column& column);

/// True if `value` is one of the enum column's values.
bool is_value_of(const Column& column, std::string_view value);

/// The header row, without a line end.
std::string header_line();

/// The column list for people: aligned text, or a Markdown document with a table per group.
std::string describe_columns(bool markdown);

}  // namespace assay::reports
