#include "suites/measure.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/device/environment.h"
#include "reports/statistics.h"
#include "reports/throttle.h"

namespace assay::suites {
namespace {

constexpr double EVENT_SECONDS = 0.5e-6;  // resolution of CUDA's events
// So that a step of an event's clock is a quarter of a percent.
constexpr double LEAST_REPLAY_SECONDS = 400 * EVENT_SECONDS;
// A graph this long hides how long it took to queue.
constexpr double LONG_REPLAY_SECONDS = 2e-3;
constexpr double MOST_LAUNCHES = 8192;
// Between two readings of the energy counter.
constexpr double ENERGY_BATCH_SECONDS = 2e-3;
constexpr double MOST_ENERGY_SECONDS = 0.5;

double seconds_of(const Stream& stream, const std::function<void()>& queue) {
  Event start;
  Event stop;
  start.record(stream);
  queue();
  stop.record(stream);
  stream.synchronize();
  return stop.elapsed_us_since(start) * 1e-6;
}

}  // namespace

std::size_t passes_for(double pass_seconds, std::size_t sets) {
  const double wanted = std::ceil(LEAST_REPLAY_SECONDS / std::max(pass_seconds, 1e-9));
  const double most = std::floor(MOST_LAUNCHES / static_cast<double>(sets));
  return static_cast<std::size_t>(std::max(1.0, std::min(wanted, most)));
}

Replay calibrate(const Stream& stream, std::size_t sets,
                 const std::function<std::function<void()>(std::size_t passes)>& record) {
  Replay replay{record(1), static_cast<double>(sets), 0.0};
  seconds_of(stream, replay.queue);  // the first replay uploads the graph
  const double pass_seconds = seconds_of(stream, replay.queue);
  const std::size_t passes = passes_for(pass_seconds, sets);
  replay.seconds = pass_seconds * static_cast<double>(passes);
  if (passes == 1) return replay;
  replay.queue = record(passes);
  replay.executions *= static_cast<double>(passes);
  seconds_of(stream, replay.queue);
  return replay;
}

Replay record_graph(const Stream& stream, const std::vector<std::function<void()>>& launches) {
  for (const auto& launch : launches) launch();  // libraries set themselves up
  stream.synchronize();
  return calibrate(stream, launches.size(), [&](std::size_t passes) -> std::function<void()> {
    const auto graph = std::make_shared<const Graph>(stream, [&] {
      for (std::size_t pass = 0; pass < passes; ++pass) {
        for (const auto& launch : launches) launch();
      }
    });
    return [graph, &stream] { graph->replay(stream); };
  });
}

bool times_only() { return environment_number("ASSAY_TIMES_ONLY", 0, 0, 1) == 1; }

Sampler sampler_of(const Stream& stream, const Replay& replay) {
  const auto start = std::make_shared<Event>();
  const auto stop = std::make_shared<Event>();
  const bool lead = properties().kind == DeviceKind::kCuda && replay.seconds < LONG_REPLAY_SECONDS;
  return [=, &stream] {
    if (lead) replay.queue();
    start->record(stream);
    replay.queue();
    stop->record(stream);
    stream.synchronize();
    return stop->elapsed_us_since(*start) / replay.executions;
  };
}

Load load_of(const Stream& stream, const Replay& replay, const Gauge& gauge) {
  const double replays =
      std::max(1.0, std::ceil(ENERGY_BATCH_SECONDS / std::max(replay.seconds, 1e-9)));
  const auto run = [&] {
    for (double i = 0; i < replays; ++i) replay.queue();
    stream.synchronize();
  };
  Load load;
  EnergyPlan plan;
  plan.window_s = std::max(plan.window_s, std::min(6.0 * replay.seconds, MOST_ENERGY_SECONDS));
  plan.give_up_s = std::max(plan.give_up_s, 2.0 * plan.window_s);
  load.energy = measure_energy(run, replays * replay.executions, gauge, plan);
  if (properties().kind == DeviceKind::kCuda && !load.energy) run();
  load.conditions = read_conditions();
  return load;
}

void describe_times(reports::Row& row, const Collected& collected) {
  reports::set_times(row, reports::summarize(collected.samples_us));
  reports::set_rates(row);
  row.set("discarded", collected.discarded).set("throttle", collected.throttle);
}

void describe_load(reports::Row& row, const Load& load) {
  const Conditions& now = load.conditions;
  row.set("sm_mhz", now.sm_mhz).set("mem_mhz", now.mem_mhz).set("temp_c", now.temp_c);
  row.set("power_w", now.power_w);
  if (!load.energy) return;
  // NVML's own figure of power is the mean of the last second on this and later GPUs.
  row.set("power_w", load.energy->watts).set("energy_j", load.energy->joules);
}

void describe_peer(reports::Row& row, const Collected& peer) {
  if (reports::spoils_times(peer.throttle)) return;  // too slow to be held against
  row.set("ref_median_us", reports::summarize(peer.samples_us).median_us);
  reports::set_rates(row);
}

}  // namespace assay::suites
