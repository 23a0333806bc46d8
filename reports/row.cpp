#include "reports/row.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <span>

#include "kernels/device/error.h"
#include "reports/identity.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// Names are what filters' regular expressions are matched with, which recurse over them.
constexpr std::size_t LONGEST_NAME = 4096;

[[noreturn]] void refuse(const Column& column, std::string_view what) {
  throw Error(fmt::format("report: column '{}' is of type {}; {}", column.name,
                          name_of(column.type), what));
}

std::string bad_number(std::string_view text, std::string_view kind) {
  return fmt::format("'{}' is no {}", printable(text), kind);
}

std::string format_real(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  // The sign of a NaN carries nothing.
  return std::isnan(value) ? "nan" : std::string(buffer, end);
}

// Errors are judged beside PASS: a failing kernel may have measured anything.
bool may_be_negative(const Column& column) {
  return column.has(kNonFinite) || column.name == "seed" || column.name == "temp_c";
}

// Each list goes up, where its columns are there.
constexpr std::string_view QUANTILES[] = {"t_min_us", "t_p25_us", "t_median_us", "t_p75_us",
                                          "t_p99_us"};
constexpr std::string_view INTERVAL[] = {"median_ci_lo_us", "t_median_us", "median_ci_hi_us"};
constexpr std::span<const std::string_view> ASCENDING[] = {QUANTILES, INTERVAL};

// Exactly as format_utc writes it: reports are ordered by the text.
bool is_utc(const std::string& text) {
  std::tm fields{};
  const char* const end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &fields);
  return end && *end == '\0' &&
         format_utc(std::chrono::system_clock::from_time_t(timegm(&fields))) == text;
}

}  // namespace

Row::Row() : cells_(columns().size()) {}

Row& Row::set(std::string_view column, std::string_view text) {
  const std::size_t i = column_index(column);
  const Column& c = columns()[i];
  if (c.type != ColumnType::kString && c.type != ColumnType::kEnum)
    refuse(c, fmt::format("got the text '{}'; set a number", text));
  if (const std::string wrong = parse(i, text); !wrong.empty())
    throw Error(fmt::format("report: column '{}': {}", column, wrong));
  return *this;
}

Row& Row::set_integer(std::string_view column, std::int64_t value) {
  const std::size_t i = column_index(column);
  const Column& c = columns()[i];
  if (c.type == ColumnType::kReal) {
    cells_[i] = static_cast<double>(value);
  } else if (c.type == ColumnType::kInteger) {
    cells_[i] = value;
  } else {
    refuse(c, fmt::format("got the integer {}; set a text", value));
  }
  return *this;
}

Row& Row::set_real(std::string_view column, double value) {
  const std::size_t i = column_index(column);
  const Column& c = columns()[i];
  if (c.type != ColumnType::kReal)
    refuse(c, fmt::format("got the real {}; {}", value,
                          c.type == ColumnType::kInteger ? "round it first" : "set a text"));
  if (!std::isfinite(value) && !c.has(kNonFinite))
    refuse(c, fmt::format("got {}; leave the cell empty where nothing was measured", value));
  cells_[i] = value;
  return *this;
}

void Row::refuse_range(std::string_view column, const std::string& value) {
  refuse(columns()[column_index(column)], fmt::format("{} does not fit in 64 signed bits", value));
}

Row& Row::clear(std::string_view column) {
  cells_[column_index(column)] = std::monostate{};
  return *this;
}

bool Row::has(std::string_view column) const {
  return !std::holds_alternative<std::monostate>(cells_[column_index(column)]);
}

const std::string& Row::text(std::string_view column) const {
  static const std::string empty;
  const std::size_t i = column_index(column);
  const Column& c = columns()[i];
  if (c.type != ColumnType::kString && c.type != ColumnType::kEnum)
    refuse(c, "asked for as a text");
  const auto* value = std::get_if<std::string>(&cells_[i]);
  return value ? *value : empty;
}

std::optional<std::int64_t> Row::integer(std::string_view column) const {
  const std::size_t i = column_index(column);
  if (columns()[i].type != ColumnType::kInteger) refuse(columns()[i], "asked for as an integer");
  const auto* value = std::get_if<std::int64_t>(&cells_[i]);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> Row::real(std::string_view column) const {
  const std::size_t i = column_index(column);
  if (columns()[i].type == ColumnType::kInteger) {
    const auto value = integer(column);
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
  }
  if (columns()[i].type != ColumnType::kReal) refuse(columns()[i], "asked for as a real");
  const auto* value = std::get_if<double>(&cells_[i]);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<bool> Row::flag(std::string_view column) const {
  const Column& c = columns()[column_index(column)];
  if (c.type != ColumnType::kEnum || !is_value_of(c, "yes")) refuse(c, "asked for as yes or no");
  if (!has(column)) return std::nullopt;
  return text(column) == "yes";
}

std::string Row::cell(std::size_t column) const {
  const Cell& cell = cells_.at(column);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&cell)) return format_real(*real);
  return "";
}

std::string Row::parse(std::size_t column, std::string_view text) {
  const Column& c = columns()[column];
  if (text.empty()) {
    cells_[column] = std::monostate{};
    return "";
  }
  const char* const end = text.data() + text.size();
  switch (c.type) {
    case ColumnType::kString:
    case ColumnType::kEnum:
      if (const auto bad = find_bad_utf8(text))
        return fmt::format("'{}' is not UTF-8 at byte {}", printable(text), *bad + 1);
      if (text.find('\0') != text.npos) return fmt::format("'{}' has a zero byte", printable(text));
      if (c.has(kKey) && text.size() > LONGEST_NAME)
        return fmt::format("is {} bytes long; a name has at most {}", text.size(), LONGEST_NAME);
      if (c.type == ColumnType::kEnum && !is_value_of(c, text))
        return fmt::format("'{}' is none of {}", printable(text), c.values);
      cells_[column] = std::string(text);
      return "";
    case ColumnType::kInteger: {
      std::int64_t value = 0;
      const auto [stop, error] = std::from_chars(text.data(), end, value);
      if (error != std::errc{} || stop != end) return bad_number(text, "integer of 64 bits");
      cells_[column] = value;
      return "";
    }
    case ColumnType::kReal: {
      double value = 0;
      const auto [stop, error] = std::from_chars(text.data(), end, value);
      if (error == std::errc::result_out_of_range && stop == end)
        return bad_number(text, "double: it is out of range");
      if (error != std::errc{} || stop != end) return bad_number(text, "real number");
      if (!std::isfinite(value) && !c.has(kNonFinite))
        return fmt::format("'{}' is not allowed here; an empty cell means not measured", text);
      cells_[column] = value;
      return "";
    }
  }
  return "";
}

std::string Row::problem() const {
  for (const Column& column : columns())
    if (column.has(kRequired) && !has(column.name))
      return fmt::format("{} is empty; every row has one", column.name);
  if (!is_utc(text("utc")))
    return fmt::format("utc: '{}' is no time in UTC, as 2026-01-31T15:04:05Z",
                       printable(text("utc")));
  // Its logarithm is what is compared.
  if (const auto time = real("t_median_us"); time && !(*time > 0))
    return fmt::format(
        "t_median_us: {} is no time; one is above 0, and an empty cell means not "
        "measured",
        format_real(*time));
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto* integer = std::get_if<std::int64_t>(&cells_[i]);
    const auto* real = std::get_if<double>(&cells_[i]);
    const bool is_negative = (integer && *integer < 0) || (real && *real < 0);
    if (is_negative && !may_be_negative(columns()[i]))
      return fmt::format("{}: {} is below zero; an empty cell means not measured",
                         columns()[i].name, cell(i));
  }
  for (const auto& ascending : ASCENDING) {
    std::string_view below;
    for (const std::string_view column : ascending) {
      if (!has(column)) continue;
      if (!below.empty() && *real(column) < *real(below))
        return fmt::format("{}: {} is below {}, {}", column, format_real(*real(column)), below,
                           format_real(*real(below)));
      below = column;
    }
  }
  if (text("status") != "PASS") return "";
  for (const Column& column : columns()) {  // what may be nan or inf are the errors
    if (!column.has(kNonFinite) || !has(column.name)) continue;
    const double value = *real(column.name);
    if (!std::isfinite(value) || value < 0)
      return fmt::format("status is PASS beside {} {}; that never passes", column.name,
                         format_real(value));
  }
  return "";
}

}  // namespace assay::reports
