// Samples until a median is known well enough, of several things in turn, and what the GPU's state
// makes of them. No device in here: what is asked of one comes in as functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device/conditions.h"
#include "suites/host_tensor.h"

namespace assay::suites {

/// When a sampler has enough: once the median's 95 % confidence interval is narrower than
/// `relative_precision` of the median and there are `wanted_samples`, which is what `report
/// compare` needs to find a difference of 3 %; at `max_samples`; or after `max_seconds` of its own.
/// Never before `min_samples`: with fewer, `report compare` says UNCLEAR whatever they are.
struct SamplingPlan {
  std::size_t min_samples = 8;
  std::size_t wanted_samples = 30;
  std::size_t max_samples = 200;
  double max_seconds = 0.5;
  double relative_precision = 0.01;
};

/// The machine while it is timed; tests put their own functions in.
struct Gauge {
  std::function<std::string()> throttle = read_throttle;
  std::function<std::optional<double>()> energy_j = read_energy_j;
  std::function<double()> seconds = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
};

/// Gives one time in microseconds.
using Sampler = std::function<double()>;

struct Collected {
  std::vector<double> samples_us;
  std::size_t discarded = 0;  // samples dropped as the GPU was throttled, measured again
  std::string throttle;       // reasons, as in Conditions: those of half of the samples or more
};

/// Rounds over all samplers that have not enough yet, in an order drawn anew for each round, so
/// that a machine that drifts does so for all alike. The GPU's throttling is asked for every few
/// milliseconds; samples between two answers of which one spoils times (reports/throttle.h) are
/// dropped and taken again. A sampler that has fewer than min_samples left when four times its
/// seconds are spent keeps them all, and `throttle` says why.
std::vector<Collected> collect_interleaved(const std::vector<Sampler>& samplers,
                                           const std::vector<SamplingPlan>& plans, Random& order,
                                           const Gauge& gauge = {});
/// The same with one plan for all, and their times alone.
std::vector<std::vector<double>> collect_interleaved(std::vector<Sampler> samplers,
                                                     const SamplingPlan& plan, Random& order);
/// One sampler.
std::vector<double> collect(const Sampler& sample, const SamplingPlan& plan);

/// How long energy is measured: from one step of the GPU's counter to another, `window_s` or more
/// later; not at all where none came within `give_up_s`.
struct EnergyPlan {
  double window_s = 0.06;
  double give_up_s = 0.3;
};
struct Energy {
  double joules = 0.0;  // of one execution, the GPU's idle power included
  double watts = 0.0;   // mean power
};
/// `run` executes the work `executions` times and waits for it: some milliseconds, as the counter
/// is read after each. None where the counter cannot be read or does not move.
std::optional<Energy> measure_energy(const std::function<void()>& run, double executions,
                                     const Gauge& gauge, const EnergyPlan& plan = {});

}  // namespace assay::suites
