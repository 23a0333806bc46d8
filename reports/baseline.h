// The folder of baselines that `report gate` compares with.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "reports/compare.h"
#include "reports/reader.h"

namespace assay::reports {

struct FoundBaseline {
  std::filesystem::path path;  ///< Empty: none fits.
  std::string utc;             ///< Of its newest row.
  std::string instead;         ///< What is there instead, for a message.
};

/// The newest report in `folder` (by its last row's utc) that is of the same device and GPU as
/// `current`; `current` itself, if it lies there, is none. A folder that is not there has none. A
/// damaged report is an InputError, not passed over: the next older one would be silently trusted
/// in its place.
FoundBaseline find_baseline(const std::filesystem::path& folder, const Report& current);

/// Writes a report and its samples into `folder`, made if need be, each as a whole, samples first.
/// Its name is of device, GPU, time and commit, and never that of another machine's report.
/// InputError where one that is there is newer, as this one would not be found. Returns the path of
/// the new CSV.
std::filesystem::path store_baseline(const std::filesystem::path& folder, const Side& side);

/// `current` with rows of `base` in place of its own where `kept` has them, or beside its own where
/// it has none: each with its samples. Rows are known by their row_id.
Side keep_rows(const Side& current, const Side& base, std::span<const Row* const> kept);

}  // namespace assay::reports
