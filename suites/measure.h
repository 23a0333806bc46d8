// Timing what runs on a device: work recorded once and replayed, and what a row says of it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/device/dtype.h"
#include "kernels/device/properties.h"
#include "kernels/device/stream.h"
#include "reports/row.h"
#include "suites/ceilings.h"
#include "suites/collect.h"

namespace assay::suites {

/// Whether ASSAY_TIMES_ONLY=1 is in the environment: no ceilings, no time of LibTorch, no energy.
/// For a bisection, which starts `sweep` for one case again and again. A variable and no flag, as
/// it also starts that of commits which know nothing of it.
bool times_only();

/// Work that was recorded, to be replayed as often as asked for.
struct Replay {
  std::function<void()> queue;  // one replay, on the stream that it was recorded for
  double executions = 1.0;      // of the work that is timed, in one replay
  double seconds = 0.0;         // of one replay, about
};

/// `record(passes)` records that many passes over `sets` executions and gives a function that
/// queues them; it is asked again for more passes where one replay is so short that an event's
/// resolution, half a microsecond, would show in its time.
Replay calibrate(const Stream& stream, std::size_t sets,
                 const std::function<std::function<void()>(std::size_t passes)>& record);
/// The passes that calibrate() asks for, given the seconds of one with `sets` executions.
std::size_t passes_for(double pass_seconds, std::size_t sets);

/// A graph that holds a launch for each input set, `launches`, in turn, as often as calibrate()
/// says.
Replay record_graph(const Stream& stream, const std::vector<std::function<void()>>& launches);

/// Microseconds of one execution, by events. On a GPU a short replay comes second in a queue of
/// two, of which the first is not timed: else the time in which the host queues it would count.
Sampler sampler_of(const Stream& stream, const Replay& replay);

/// The GPU under this work: mean power and energy where the counter allows, clocks just after.
/// Energy takes a tenth of a second, or some executions where those are longer.
struct Load {
  Conditions conditions;
  std::optional<Energy> energy;
};
Load load_of(const Stream& stream, const Replay& replay, const Gauge& gauge = {});

/// Fills in the row's times and rates, samples dropped, and throttling.
void describe_times(reports::Row& row, const Collected& collected);
/// Fills in clocks, temperature, power and energy.
void describe_load(reports::Row& row, const Load& load);
/// Fills in ref_median_us and speedup_vs_ref, after describe_times; not where the peer's clocks
/// were lowered by what spoils times (reports/throttle.h).
void describe_peer(reports::Row& row, const Collected& peer);

}  // namespace assay::suites
