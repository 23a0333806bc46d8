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
  std::string csv;       // empty: none is written
  bool resume = false;
  std::string repro = "assay-repro";  // where failing forward passes are written
};

/// "smoke", "ci", "sweep". Throws InputError otherwise.
ShapeSet parse_set(const std::string& name);
const char* name_of(ShapeSet set);

}  // namespace assay::suites
