// `report html`: a report as one page.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "reports/compare.h"
#include "reports/reader.h"
#include "reports/statistics.h"

namespace assay::reports {

/// What a comparison with another report says of one row, as a page shows it.
struct PageRow {
  std::string row_id;
  std::string verdict;           ///< As FASTER, SLOWER, SAME, UNCLEAR.
  std::optional<double> effect;  ///< New time / old time - 1.
  std::optional<Interval> ci;    ///< Of the effect.
  std::string note;              ///< Why, where the verdict needs a reason; may be empty.
  std::string name = {};         ///< Of a row that is in the other report only.
};

struct PageComparison {
  std::string base;           ///< Name of the other report.
  std::vector<PageRow> rows;  ///< In the order in which they are shown.
};

/// The page of a report: what was run and where; correctness with failures and their replay
/// commands; speed of models and kernels over their shapes; the roofline; versions against each
/// other and LibTorch; the comparison, if there is one; all rows, to sort and filter. Times of rows
/// without PASS are not drawn. Self-contained; throws InputError where Chart.js was not built in.
std::string render_html(const Report& report,
                        const std::optional<PageComparison>& comparison = std::nullopt);

/// A comparison as a page shows it.
PageComparison page_comparison(const Comparison& comparison, const std::string& base);

/// `report html`: reads `input` and, unless empty, `base` to compare it with; writes `output` as a
/// whole or not at all. Returns the exit code: 0, or 2 if a report had errors in it (its good rows
/// are in the page), or no rows. Throws InputError where nothing is usable, `output` is one of the
/// inputs or cannot be written, or the two are of different devices.
int write_html(const std::string& input, const std::string& base, const std::string& output,
               std::ostream& out, std::ostream& err);

}  // namespace assay::reports
