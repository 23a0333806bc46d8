// The flags of `verify` beside those of GoogleTest, and what reads them for `sweep` too
// (sweep_options.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "suites/case.h"

namespace assay::suites {

class ResourceTable;

struct Options {
  std::string program;
  ShapeSet set = ShapeSet::kCi;
  std::uint64_t seed = 1;
  std::string csv;               // empty: none is written
  std::string case_name;         // verify: this case alone, "op/dtype/dimensions"
  std::string version;           // of that case; empty: all
  double fuzz_s = 0.0;           // verify: how long to draw kernel cases at random instead; 0: not
  std::vector<std::string> ops;  // to draw cases of; empty: all
  bool mutants = false;          // verify: the mutants instead of the suites
  std::string mutant;            // only this one, "<op>/<name>" or its name
  bool reference_on_cpu = false;
  std::string kernels;                // verify: versions that the models' kernel sets are pinned to
  std::string repro = "assay-repro";  // where failing forward passes are written
  std::string replay;                 // one of those, to run instead
  bool layers = false;                // verify: one forward pass, tap by tap, instead
  std::string expect;                 // manifest that the run is held against
  std::string write_manifest;         // where to write one instead of running
  std::string markdown;               // summary for a job page
  double timeout_s = 900.0;           // of one test; 0: none
  // What the CUDA compiler says of the kernels; null: not known.
  std::shared_ptr<const ResourceTable> resources;
};

/// "90", "90s", "500ms", "2m", "1h" in seconds. Throws InputError that names `flag` otherwise.
double parse_duration_s(const std::string& flag, const std::string& text);

/// "smoke", "ci", "sweep". Throws InputError otherwise.
ShapeSet parse_set(const std::string& name);
const char* name_of(ShapeSet set);

/// --resources and --arch, of both programs.
struct ResourceOptions {
  std::string file;  // empty: none
  std::string arch;
};
/// Throws InputError as ResourceTable::read does.
std::shared_ptr<const ResourceTable> read_resources(const ResourceOptions& options);

}  // namespace assay::suites
