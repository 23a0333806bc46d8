// The machine's limits, worked out from the rows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/row.h"

namespace assay::reports {

/// What a run's rows say about its machine at one dtype.
struct DtypeCeilings {
  std::string run_id;
  std::string dtype;
  std::optional<double> gb_per_s;     ///< Memory bandwidth, 1e9 B/s.
  std::optional<double> tflop_per_s;  ///< Arithmetic peak, 1e12 flop/s.
};

/// The ceilings of each run: its rows of the suite `ceiling`, where it has them, else what
/// derive_ceilings() says. The bandwidth is the larger one of reading and copying, as in the runs'
/// own roofline_frac.
std::vector<DtypeCeilings> find_ceilings(std::span<const Row> rows);

/// A row's roofline_frac is max(bytes / B, flops / P) / time, for the bandwidth B and the peak P
/// that its run measured (Williams, Waterman and Patterson, Roofline, 2009). So gb_per_s /
/// roofline_frac is B for a row that memory limits and below B for any other, and tflop_per_s /
/// roofline_frac is P or below P likewise: the largest of each are B and P, if rows of both kinds
/// are there. A run in which no row is limited by arithmetic shows P nowhere: it is left out, and
/// so is B in the other case. Rows without roofline_frac, those of the emulated device among them,
/// say nothing.
std::vector<DtypeCeilings> derive_ceilings(std::span<const Row> rows);

}  // namespace assay::reports
