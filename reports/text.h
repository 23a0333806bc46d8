// UTF-8 for cells and terminals.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace assay::reports {

/// Offset of the first byte that is not well-formed UTF-8 (RFC 3629), or nullopt.
std::optional<std::size_t> find_bad_utf8(std::string_view text);

/// Terminal cells that `text` takes: combining marks 0, East Asian wide and emoji 2, the rest 1.
std::size_t display_width(std::string_view text);

/// `text` on one line, without anything a terminal would obey: newline and tab become \n and \t,
/// other control characters and malformed bytes U+FFFD.
std::string printable(std::string_view text);

/// `text` cut in its middle, with an ellipsis, to at most `width` terminal cells. The ends are
/// kept: case names differ at either.
std::string fit(std::string_view text, std::size_t width);

/// A quantity for people, about four significant digits: 12345, 123.4, 1.234, 0.01234, 1.2e-06.
std::string figure(double value);

/// True if `a` comes before `b` when runs of digits compare as numbers: x8 before x16.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace assay::reports
