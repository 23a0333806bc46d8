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

}  // namespace assay::suites
