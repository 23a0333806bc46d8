#include "reports/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace assay::reports {
namespace {

constexpr std::string_view REPLACEMENT = "\uFFFD";

struct Decoded {
  std::uint32_t code_point;
  std::size_t length;  // bytes; 0 if malformed
};

// Well-formed sequences only: no overlong forms, no surrogates, nothing past U+10FFFF.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {0, 0};
  std::uint32_t code_point = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    code_point = (code_point << 6) | (byte(i) & 0x3Fu);
  }
  const std::uint32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (code_point < least || code_point > 0x10FFFF) return {0, 0};
  if (code_point >= 0xD800 && code_point <= 0xDFFF) return {0, 0};
  return {code_point, length};
}

std::size_t width_of(std::uint32_t c) {
  if ((c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F))
    return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
                    (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the run of digits at the front of `text`; leading zeros do not count.
std::string_view take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
  return number;
}

}  // namespace

std::optional<std::size_t> find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Decoded decoded = decode(text.substr(i));
    if (decoded.length == 0) return i;
    i += decoded.length;
  }
  return std::nullopt;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded decoded = decode(text.substr(i));
    width += decoded.length == 0 ? 1 : width_of(decoded.code_point);
    i += std::max<std::size_t>(decoded.length, 1);
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Decoded decoded = decode(text.substr(i));
    const std::uint32_t c = decoded.code_point;
    if (decoded.length == 0) {
      out += REPLACEMENT;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) {
      out += REPLACEMENT;
    } else {
      out += text.substr(i, decoded.length);
    }
    i += std::max<std::size_t>(decoded.length, 1);
  }
  return out;
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::vector<std::string_view> glyphs;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::max<std::size_t>(decode(text.substr(i)).length, 1);
    glyphs.push_back(text.substr(i, length));
    i += length;
  }
  // The ellipsis takes one cell; the tail gets the larger half of the rest.
  const std::size_t head_width = (width - 1) / 2;
  const std::size_t tail_width = width - 1 - head_width;
  std::string head;
  std::size_t used = 0;
  for (const std::string_view glyph : glyphs) {
    used += display_width(glyph);
    if (used > head_width) break;
    head += glyph;
  }
  std::size_t first = glyphs.size();
  used = 0;
  while (first > 0 && used + display_width(glyphs[first - 1]) <= tail_width)
    used += display_width(glyphs[--first]);
  std::string out = head + "…";
  for (; first < glyphs.size(); ++first) out += glyphs[first];
  return out;
}

std::string figure(double value) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  const double size = std::fabs(value);
  if (size == 0) return "0";
  if (size < 1e-3 || size >= 1e9) return fmt::format("{:.3g}", value);
  const int digits = static_cast<int>(std::floor(std::log10(size))) + 1;  // before the point
  return fmt::format("{:.{}f}", value, std::clamp(4 - digits, 0, 6));
}

bool natural_less(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const std::string_view x = take_number(a);
      const std::string_view y = take_number(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.empty() && !b.empty();
}

}  // namespace assay::reports
