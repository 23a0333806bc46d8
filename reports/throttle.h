// What lowered clocks do to a time: the one place that decides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay::reports {

/// A reason for lowered clocks, as in the column `throttle`, by what it does to a time.
enum class Throttle {
  /// Somebody set the clocks (applications_clocks, display_clocks, sync_boost): they stay where
  /// they
  /// are, and times repeat.
  kSet,
  /// The GPU is at its power limit (power_cap). That is how it is meant to run a large matrix
  /// product: the clock settles where the limit puts it, and would settle there again.
  kLimit,
  /// Something is wrong with cooling or supply (hw_slowdown, sw_thermal, hw_thermal,
  /// hw_power_brake, or a reason that is not known here): clocks drop for a while, by how much
  /// depends on the room.
  kFault,
};
Throttle throttle_of(std::string_view reason);

/// "power_cap hw_thermal" -> its words; "none" and "" have none.
std::vector<std::string> throttle_reasons(std::string_view text);

/// Whether a time that was taken under these reasons says nothing about the code: one of them is
/// kFault. Such samples are dropped, and rows that have them nevertheless are compared with none.
/// Those of the other kinds are kept. Set clocks are compared with the same clocks; a power limit
/// that was reached on one side only matters where the times differ.
bool spoils_times(std::string_view text);

}  // namespace assay::reports
