// Which cases are too large to be checked here, in float64 and on the host as every case is.
#pragma once

#include <cstddef>
#include <string>

#include "suites/case.h"

namespace assay::suites {

struct CaseLimits {
  double elements;      // of one operand
  double flops;         // of one launch
  double memory_bytes;  // of the device
};
/// Those of this build's device. The emulated one's keep a case below a minute.
CaseLimits device_limits();

/// "" or why the case has no place within the limits, with the figures.
std::string too_large(const Case& c, const CaseLimits& limits);

double element_count(const Operand& operand);

}  // namespace assay::suites
