// The flags of `verify` and `sweep` beside those of GoogleTest and Google Benchmark.
#pragma once

#include <cstdint>
#include <string>

#include "suites/case.h"

namespace assay::suites {

struct Options {
  std::string program;
  ShapeSet set = ShapeSet::kCi;
  std::uint64_t seed = 1;
  std::string csv;  // empty: none is written
  bool resume = false;
  bool mutants = false;  // verify: the mutants instead of the suites
  std::string mutant;    // only this one, "<op>/<name>" or its name
};

/// "smoke", "ci", "sweep". Throws InputError otherwise.
ShapeSet parse_set(const std::string& name);
const char* name_of(ShapeSet set);

}  // namespace assay::suites
