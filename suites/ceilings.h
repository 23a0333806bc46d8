// What this machine reaches at best, measured in the run that is held against it.
#pragma once

#include <string>
#include <vector>

#include "kernels/device/dtype.h"
#include "kernels/device/stream.h"
#include "reports/row.h"

namespace assay::suites {

/// 0: not measured, as on the emulated device.
struct Ceilings {
  double bytes_per_s = 0.0;
  double flops_per_s = 0.0;
};

/// A row of the report, of the suite `ceiling`, and its samples.
struct CeilingRow {
  reports::Row row;
  std::vector<double> samples_us;
};

/// Measured on first use, on a GPU: `ceiling/read` (a reduction over 4 GiB), `ceiling/copy` (of 2
/// GiB, bytes read and written), and for each dtype `ceiling/gemm` (the products 8192^3 and 2048 x
/// 4096 x 11008 by cuBLASLt, of which the faster counts). None on the emulated device.
std::vector<CeilingRow> measure_ceilings(const std::vector<DType>& dtypes, const Stream& stream,
                                         std::uint64_t seed);
/// Those of one dtype; measured with the next measure_ceilings if it was not asked for them yet.
Ceilings ceilings(DType dtype, const Stream& stream);

/// Of these rows: the larger one of read and copy is the bandwidth. Which of the two is larger
/// depends on the GPU, by a percent or so, and an op is neither; so that no op reaches more than
/// all of it, and one roof is enough for a picture.
Ceilings ceilings_from(const std::vector<CeilingRow>& rows, DType dtype);

/// Fills in roofline_frac: the least time in which the ceilings allow the row's bytes and flops, as
/// a share of its median. Left empty without ceilings, and for a warm cache, which is faster than
/// the memory that was measured.
void describe_roofline(reports::Row& row, const Ceilings& ceilings);

}  // namespace assay::suites
