// Whole numbers as the command lines take them, of llama2 and of the suites.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace assay {

/// Reads the whole of `text`, in decimal, without sign or leading zeros. False where it is not
/// that.
template <class Number>
bool read_decimal(std::string_view text, Number& value) {
  if (text.empty() || (text.front() == '0' && text.size() > 1)) return false;
  if (text.find_first_not_of("0123456789") != std::string_view::npos) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// For seeds: CLI11 itself takes -1 as 2^64 - 1, and a leading 0 as octal.
inline CLI::Validator seed_number() {
  return {[](const std::string& value) {
            std::uint64_t seed = 0;
            if (read_decimal(value, seed)) return std::string();
            return fmt::format("expected a whole number in decimal, 0 to 2^64 - 1, found \"{}\"",
                               value);
          },
          ""};
}

}  // namespace assay
