// Work that does not vary, as a text to commit: the exact columns of a report (counted, compiled,
// launches, allocations, peak memory), in a form whose diff a person can read. `report work` holds
// a new report against it, before any GPU has seen the change.
//
//   work 1
//   device emulated
//   build_flags RelWithDebInfo GNU 12.2.0 sanitize= traced
//   nvcc_version 13.0.88
//   arch sm_90a
//
//   kernel rms_norm/fp16/rows=3,width=128 op=rms_norm version=v2_registers dtype=fp16 row_id=0f…
//     sectors_read=24 sectors_written=24 sector_efficiency=1 …
//     registers=32 spill_bytes=0 shared_bytes=16 occupancy=1
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reports/compare.h"

namespace assay::reports {

/// The PASS rows that have exact columns, in file order. Throws InputError where there is none;
/// where a row neither passed nor was skipped, or has the row_id of one before it; where rows are
/// of different compilers or architectures.
std::string format_work(const Report& report);

/// Reads such a text back, each row with what is written of it and no more. Throws InputError with
/// file and line.
Report parse_work(std::string_view text, const std::string& file);

struct WorkCheck {
  std::vector<std::string> differences;  ///< "CHANGED-WORK <row>: worse: sectors_read 24 -> 96"
  std::vector<std::string> not_judged;   ///< INCOMPARABLE ones: by another compiler.
  std::size_t rows = 0;                  ///< Compared, or on one side only.
};

/// Any difference counts, less work too: a baseline that is not the present state would let the
/// next change lose what this one won. So does a row that is on one side only, and a column that
/// the new report lacks; with `counted_only`, compiled columns do not.
WorkCheck check_work(const Report& baseline, const Report& current, bool counted_only);

}  // namespace assay::reports
