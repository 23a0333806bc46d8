#include "suites/options.h"

#include <cstdlib>

#include "kernels/device/error.h"
#include "suites/resources.h"

namespace assay::suites {
namespace {

constexpr double LONGEST_S = 10000.0 * 3600.0;  // clocks count in 64 bits of nanoseconds

}  // namespace

ShapeSet parse_set(const std::string& name) {
  if (name == "smoke") return ShapeSet::kSmoke;
  if (name == "ci") return ShapeSet::kCi;
  if (name == "sweep") return ShapeSet::kSweep;
  throw InputError("shape set '" + name + "' is none of smoke, ci, sweep");
}

double parse_duration_s(const std::string& flag, const std::string& text) {
  const char* const begin = text.c_str();
  char* end = nullptr;
  const double value = std::strtod(begin, &end);
  const std::string unit = end;
  double scale = 0.0;
  if (unit == "ms") scale = 1e-3;
  if (unit.empty() || unit == "s") scale = 1.0;
  if (unit == "m") scale = 60.0;
  if (unit == "h") scale = 3600.0;
  if (end == begin || scale == 0.0 || !(value >= 0.0) || value * scale > LONGEST_S) {
    throw InputError(flag + " is '" + text +
                     "'; it must be a time such as 500ms, 90s, 2m or 1h, of at most 10000h");
  }
  return value * scale;
}

std::shared_ptr<const ResourceTable> read_resources(const ResourceOptions& options) {
  if (options.file.empty()) return nullptr;
  return std::make_shared<ResourceTable>(ResourceTable::read(options.file, options.arch));
}

const char* name_of(ShapeSet set) {
  switch (set) {
    case ShapeSet::kSmoke:
      return "smoke";
    case ShapeSet::kCi:
      return "ci";
    case ShapeSet::kSweep:
      return "sweep";
  }
  return "?";
}

}  // namespace assay::suites
