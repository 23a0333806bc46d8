// From outcomes to rows of the report.
#pragma once

#include <cstdint>
#include <string>

#include "reports/row.h"
#include "suites/case.h"
#include "suites/kernel_run.h"

namespace assay::suites {

/// What every row of a run has in common: the code, the machine, the run.
reports::Row common_row(const std::string& suite, std::uint64_t seed);

/// Fills in the problem of a case and the version.
void describe_case(reports::Row& row, const Case& c, std::size_t version);
/// Fills in status and errors.
void describe_outcome(reports::Row& row, const Outcome& outcome);
/// Fills in the counted columns: sectors, bank conflicts, barriers, shuffles, atomics.
void describe_work(reports::Row& row, const Work& work);
/// Fills in the compiled columns, and of which compiler and architecture they are.
void describe_compiled(reports::Row& row, const CompiledWork& work);
void describe_verdict(reports::Row& row, const Verdict& verdict);

}  // namespace assay::suites
