// Numbers that the environment sets.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernels/device/error.h"

namespace assay {

/// The variable's value, or `otherwise` where it is not set. Throws InputError where it is no whole
/// number from `least` to `most`: one that is mistyped must not be taken for one that is not set.
inline std::uint64_t environment_number(const char* name, std::uint64_t otherwise,
                                        std::uint64_t least, std::uint64_t most) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return otherwise;
  const std::string_view all(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
  if (error != std::errc() || end != all.data() + all.size() || value < least || value > most) {
    throw InputError(std::string(name) + " is '" + text + "' in the environment; it must be a " +
                     "whole number from " + std::to_string(least) + " to " + std::to_string(most) +
                     ", or not be set");
  }
  return value;
}

}  // namespace assay
