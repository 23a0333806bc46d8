// What the command lines of verify and sweep refuse beyond what CLI11 does by itself.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "kernels/device/error.h"

namespace assay::suites {

/// Throws InputError where an option was given with nothing: what an unset variable of a script
/// asks for is not what was never asked for.
inline void refuse_empty_values(const CLI::App& app, const std::string& program) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& value : option->results()) {
      if (!value.empty()) continue;
      throw InputError(program + ": " + option->get_name() +
                       " was given an empty value, as an unset variable is; leave it out or name "
                       "something");
    }
  }
}

/// Of an option without a sign, into which CLI11 would wrap -1.
inline CLI::Validator whole_number() {
  const auto problem = [](const std::string& text) {
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    return digits ? std::string() : "'" + text + "' is not a whole number from 0 on";
  };
  return {problem, "UINT"};
}

}  // namespace assay::suites
