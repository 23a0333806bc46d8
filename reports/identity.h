// Names of runs and rows, and the time of day.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "reports/row.h"

namespace assay::reports {

/// ISO 8601 in UTC, to the second: 2026-01-31T15:04:05Z.
std::string format_utc(std::chrono::system_clock::time_point time);
std::string utc_now();

/// A new name for a run: its start in UTC and 24 random bits, 20260131T150405Z-9f3a1c.
std::string make_run_id();

/// FNV-1a, 64 bits, in 16 hex digits: the same on every machine.
std::string hash_of(std::string_view text);

/// 16 hex digits: FNV-1a, 64 bits, over `name=value\n` of the row's key columns that are not empty,
/// in schema order. It depends on what was asked (suite, case, op, version, device, problem) and on
/// nothing that was found, so an interrupted sweep knows which rows it has, and two runs' rows of
/// the same work meet under one id. A key column added later, left empty, changes no id. `without`
/// names a column to leave out: rows that differ in it alone have one id then.
std::string make_row_id(const Row& row, std::string_view without = "");

}  // namespace assay::reports
