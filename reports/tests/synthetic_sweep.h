// A sweep as one H200 might give it, with every figure from a formula: for tests of what reads
// reports, and for pictures of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reports/row.h"

namespace assay::reports::testing {

inline constexpr double SYNTHETIC_GB_PER_S = 4200;
inline constexpr double SYNTHETIC_TFLOP_PER_S = 720;  ///< Of fp16 and bf16; a sixteenth for fp32.
/// A failing row's reason, such as an error message may be: markup, quotes, other alphabets.
inline constexpr const char* HOSTILE_REASON =
    "</script><script>document.title='broken'</script> & \"quotes\" 'x' <img src=x> \u00e4\u6a21";

struct SyntheticRun {
  std::string run_id = "20260131T150405Z-9f3a1c";
  std::string commit = "402a61a5f0c3d1e2b4a5968778695a4b3c2d1e0f";
  std::string utc = "2026-01-31T15:04:05Z";
  bool emulated = false;
  double slower = 1;  ///< Times of rms_norm's v2 are multiplied by this.
  double noise = 0;   ///< Relative; drawn from `seed` for each row.
  std::uint64_t seed = 1;
  bool small = false;  ///< One dtype and few shapes, in place of all of 1500 rows.
};

/// All rows: kernels over batch, sequence and dtype in several versions, layers and generations in
/// three kernel sets, a few that fail, some that are skipped.
std::vector<Row> synthetic_sweep(const SyntheticRun& run = {});

}  // namespace assay::reports::testing
