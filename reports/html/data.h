// A report's rows as JSON for the page's scripts.
#pragma once

#include <optional>
#include <string>

#include "reports/html/html.h"

namespace assay::reports {

/// {"rows": N, "columns": [{"name", "type", "unit", "meaning", "value" | "values" | "words",
/// "at"}], "ceilings": [...], "comparison": {...}}. By columns, as a full sweep is some thousand
/// rows: one whose cells are all equal is stored once ("value"), one of texts that repeat as
/// "words" and the index of each row's ("at"), any other as "values"; null where not measured.
/// Reals keep six significant digits; those that are not finite are the texts nan, inf, -inf.
/// Columns without a value are left out, and so is schema_version.
std::string report_json(const Report& report, const std::optional<PageComparison>& comparison);

/// `value` with six significant digits.
double six_digits(double value);

}  // namespace assay::reports
