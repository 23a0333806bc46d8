// `report merge`: the rows of several reports in one.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

namespace assay::reports {

struct MergeOptions {
  bool mixed_machines = false;  ///< Rows of several devices or GPUs may meet.
  bool drop_bad = false;        ///< Inputs with errors in them give their good rows.
  bool overwrite = false;       ///< `output` may be there already.
};

/// Writes the rows of `inputs`, in their order, to `output`, and the raw samples that lie beside
/// the inputs to samples_path(output); each file as a whole or not at all. A row that is there
/// twice, with the same run_id and row_id, is kept once if its cells are equal, with a warning; if
/// they differ, nothing is written. Rows that were timed but have no samples are counted in a note;
/// samples that are no times, or another number of them than their row says, are errors of the
/// input.
///
/// Returns the exit code: 0, or 2 if nothing was written, or bad rows were dropped; what is wrong
/// goes to `err`. Throws InputError where an input is unusable, given twice, or is `output`, where
/// machines mix unasked, or `output` exists or cannot be written.
int merge_reports(std::span<const std::string> inputs, const std::string& output,
                  const MergeOptions& options, std::ostream& out, std::ostream& err);

}  // namespace assay::reports
