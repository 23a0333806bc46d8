// The parts of a report's page that are there without a script.
#pragma once

#include <optional>
#include <string>

#include "reports/html/html.h"

namespace assay::reports {

/// Case, op where the case does not begin with it, version or kernel set.
std::string name_of_row(const Row& row);

/// Title, verdict, the banner of an emulated device, problems of the file, what was run and where.
std::string origin_section(const Report& report);

/// Statuses by level and op with the worst share of the tolerance, failures with reason and replay
/// command, why rows were skipped.
std::string correctness_section(const Report& report);

/// Tokens per second, time to the first token, launches and allocations of whole generations; ""
/// where there are none.
std::string generation_section(const Report& report);

/// Verdicts counted, and every row that is not SAME.
std::string comparison_section(const Report& report, const PageComparison& comparison);

}  // namespace assay::reports
