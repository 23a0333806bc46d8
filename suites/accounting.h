// What one step of a model asks of the device, as numbers that do not vary: kernel launches,
// allocations, peak memory, and where device code is traced the memory traffic of all its kernels.
#pragma once

#include <functional>

#include "reports/row.h"

namespace assay::suites {

/// Runs `step` once and fills in launches, allocations, peak_mem_bytes, and in a traced build the
/// counted columns, of that one execution. `step` ends with its work done (tokens on the host), and
/// has been run before, so that libraries are set up and graphs recorded. A library's matrix
/// product is one launch here, and none of its traffic is counted: `baseline` and `best` are to be
/// compared with that in mind where one of them calls a library.
void account_step(reports::Row& row, const std::function<void()>& step);

}  // namespace assay::suites
