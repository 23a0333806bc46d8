// Times the versions of a case beside each other and beside LibTorch.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device/stream.h"
#include "reports/row.h"
#include "suites/case.h"
#include "suites/input_sets.h"

namespace assay::suites {

/// A version that has passed its check, and its row so far.
struct VersionRow {
  std::size_t version = 0;
  reports::Row* row = nullptr;
  std::vector<double> samples_us;  // filled in
};

/// Times all of them in turn, in an order drawn from `seed`, with LibTorch as one more, each on the
/// same input sets: `mode` is one of cache_modes(c). Fills in times, rates, LibTorch's time, the
/// share of the roofline, launches, and the GPU's conditions; its energy too unless `with_energy`
/// is false. `inputs` are PreparedCase's. LibTorch's columns stay empty, with a word on stderr,
/// where it fails.
void time_versions(const Case& c, const DeviceInputs& inputs, const CacheMode& mode,
                   std::vector<VersionRow>& versions, std::uint64_t seed, bool with_energy,
                   const Stream& stream);

}  // namespace assay::suites
