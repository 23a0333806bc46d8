#include "suites/options.h"

#include "kernels/device/error.h"

namespace assay::suites {

ShapeSet parse_set(const std::string& name) {
  if (name == "smoke") return ShapeSet::kSmoke;
  if (name == "ci") return ShapeSet::kCi;
  if (name == "sweep") return ShapeSet::kSweep;
  throw InputError("shape set '" + name + "' is none of smoke, ci, sweep");
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
