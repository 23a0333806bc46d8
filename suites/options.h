// The flags of `verify` and `sweep` beside those of GoogleTest and Google Benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/case.h"

namespace assay::suites {

struct Options {
  std::string program;
  ShapeSet set = ShapeSet::kCi;
  std::uint64_t seed = 1;
  std::string csv;  // empty: none is written
  bool resume = false;
  std::string case_name;         // verify: this case alone, "op/dtype/dimensions"
  std::string version;           // of that case; empty: all
  double fuzz_s = 0.0;           // verify: how long to draw kernel cases at random instead; 0: not
  std::vector<std::string> ops;  // to draw cases of; empty: all
};

/// "smoke", "ci", "sweep". Throws InputError otherwise.
ShapeSet parse_set(const std::string& name);
const char* name_of(ShapeSet set);

}  // namespace assay::suites
