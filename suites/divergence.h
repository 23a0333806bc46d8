// The first divergence of a trace, in words: which tap, which kernels made it, where the error was
// born, and a picture of error over taps.
#pragma once

#include <string>

#include "suites/trace.h"

namespace assay::suites {

/// One line: the first tap out of bound, its step and kernels, both errors; or that no tap is.
std::string first_divergence(const Trace& trace);

/// That line, what it means, and one line per tap of its step: error over tolerance on a
/// logarithmic scale, accumulated and local. In models of many layers the taps of other layers are
/// one line each.
std::string describe_divergence(const Trace& trace);

/// "rope v2_shared_angles, padding_restore v1_row_copy"
std::string names_of(const std::vector<Launched>& launched);

}  // namespace assay::suites
