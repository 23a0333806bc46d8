// When samplers stop, in which order they are asked, what throttling costs, and energy.
#include "suites/collect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

// A machine whose clock moves only as its samplers work.
class FakeMachine {
 public:
  // `seconds` pass for each sample of `time_us`, which a noise of `relative` is added to.
  Sampler sampler(std::size_t name, double time_us, double seconds, double relative = 0.0) {
    return [=, this] {
      asked.push_back(name);
      now += seconds;
      return time_us * (1.0 + relative * noise.normal());
    };
  }
  Gauge gauge() {
    Gauge gauge;
    gauge.seconds = [this] { return now; };
    gauge.throttle = [this] {
      ++questions;
      return throttle ? throttle() : std::string("none");
    };
    return gauge;
  }

  double now = 100.0;
  int questions = 0;
  std::function<std::string()> throttle;
  std::vector<std::size_t> asked;  // in which order samplers were called
  Random noise{7};
};

std::vector<Collected> run(FakeMachine& machine, const std::vector<Sampler>& samplers,
                           const SamplingPlan& plan, std::uint64_t seed = 1) {
  Random order(seed);
  return collect_interleaved(samplers, std::vector<SamplingPlan>(samplers.size(), plan), order,
                             machine.gauge());
}

TEST(Collect, AskingRoundsInAFreshSeededOrder) {
  const auto orders = [](std::uint64_t seed) {
    FakeMachine machine;
    std::vector<Sampler> samplers;
    for (std::size_t i = 0; i < 4; ++i) samplers.push_back(machine.sampler(i, 10.0, 1e-4));
    run(machine, samplers, {}, seed);
    return machine.asked;
  };
  const std::vector<std::size_t> asked = orders(1);
  ASSERT_EQ(asked.size(), 4 * SamplingPlan{}.wanted_samples);
  std::map<std::vector<std::size_t>, int> rounds;
  for (auto round = asked.begin(); round != asked.end(); round += 4) {
    std::vector<std::size_t> sorted(round, round + 4);
    ++rounds[sorted];
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, (std::vector<std::size_t>{0, 1, 2, 3}));
  }
  EXPECT_GT(rounds.size(), 10u);  // 30 of 24 permutations: hardly ever fewer than 14
  EXPECT_EQ(orders(1), asked);
  EXPECT_NE(orders(2), asked);
}

TEST(Collect, StopsEachSamplerByItself) {
  FakeMachine machine;
  const SamplingPlan plan;
  const std::vector<Collected> all =
      run(machine,
          {machine.sampler(0, 10.0, 1e-4, 0.001), machine.sampler(1, 10.0, 1e-4, 0.02),
           machine.sampler(2, 10.0, 1e-4, 0.2), machine.sampler(3, 1e5, 0.1, 0.2),
           machine.sampler(4, 1e6, 1.0)},
          plan);
  EXPECT_EQ(all[0].samples_us.size(), plan.wanted_samples);  // precise at once
  EXPECT_GT(all[1].samples_us.size(), plan.wanted_samples);  // precise after a while
  EXPECT_LT(all[1].samples_us.size(), plan.max_samples);
  EXPECT_EQ(all[2].samples_us.size(), plan.max_samples);  // never
  EXPECT_EQ(all[3].samples_us.size(), plan.min_samples);  // half a second is over
  EXPECT_EQ(all[4].samples_us.size(), plan.min_samples);  // however long they take
  for (const Collected& collected : all) {
    EXPECT_EQ(collected.discarded, 0u);
    EXPECT_EQ(collected.throttle, "none");
  }
}

TEST(Collect, TakesAsManyAsFitInItsSeconds) {
  FakeMachine machine;
  SamplingPlan plan;
  plan.max_seconds = 2.0;
  const auto all = run(machine, {machine.sampler(0, 1e5, 0.1, 0.2)}, plan);
  EXPECT_NEAR(static_cast<double>(all[0].samples_us.size()), 21.0, 1.0);
}

TEST(Collect, DropsThrottledSamplesAndTakesThemAgain) {
  FakeMachine machine;
  machine.throttle = [&] { return machine.now < 100.0105 ? "hw_thermal" : "power_cap"; };
  const auto sampler = [&] {
    machine.now += 1e-3;
    return machine.now < 100.0105 ? 50.0 : 10.0;
  };
  const auto all = run(machine, {sampler}, {});
  ASSERT_EQ(all[0].samples_us.size(), SamplingPlan{}.wanted_samples);
  for (const double time : all[0].samples_us) EXPECT_EQ(time, 10.0);
  EXPECT_GE(all[0].discarded,
            10u);  // the throttled ones, and those up to the answer that it is over
  EXPECT_LE(all[0].discarded, 16u);
  EXPECT_EQ(all[0].throttle, "power_cap");
}

TEST(Collect, GivesUpOnAMachineThatStaysThrottledAndSaysSo) {
  FakeMachine machine;
  machine.throttle = [] { return "power_cap hw_slowdown sw_thermal"; };
  const SamplingPlan plan;
  const auto all = run(machine, {machine.sampler(0, 1e4, 0.01)}, plan);
  EXPECT_EQ(all[0].throttle, "hw_slowdown power_cap sw_thermal");
  EXPECT_EQ(all[0].discarded, 0u);
  EXPECT_GE(all[0].samples_us.size(), plan.min_samples);
  EXPECT_NEAR(machine.now - 100.0, 4 * plan.max_seconds, 0.1);
}

TEST(Collect, NamesAReasonThatHalfOfTheSamplesHad) {
  const auto throttle_of_every = [](int nth) {
    FakeMachine machine;
    machine.throttle = [&machine, nth] {
      return machine.questions % nth == 0 ? "power_cap" : "none";
    };
    return run(machine, {machine.sampler(0, 10.0, 0.006)}, {})[0].throttle;
  };
  EXPECT_EQ(throttle_of_every(1), "power_cap");
  EXPECT_EQ(throttle_of_every(2), "power_cap");  // before or after each sample
  EXPECT_EQ(throttle_of_every(20), "none");
}

TEST(Collect, AsksForThrottlingSeldom) {
  FakeMachine machine;
  run(machine, {machine.sampler(0, 10.0, 1e-5), machine.sampler(1, 10.0, 1e-5)}, {});
  EXPECT_LE(machine.questions, 3);
}

TEST(Collect, KnowsNothingOfThrottlingWhereNobodyAnswers) {
  FakeMachine machine;
  machine.throttle = [] { return ""; };
  EXPECT_EQ(run(machine, {machine.sampler(0, 10.0, 1e-4)}, {})[0].throttle, "");
}

TEST(Collect, WantsAPlanForEachSampler) {
  Random order(1);
  EXPECT_THROW(collect_interleaved({[] { return 1.0; }}, std::vector<SamplingPlan>{}, order, {}),
               Error);
}

// A GPU of 400 W whose counter moves every `tick` seconds, and work that takes `seconds` a run.
std::optional<Energy> energy_of(double tick, double seconds, double executions,
                                EnergyPlan plan = {}) {
  double now = 3.0;
  Gauge gauge;
  gauge.seconds = [&] { return now; };
  gauge.energy_j = [&] { return 400.0 * std::floor(now / tick) * tick; };
  return measure_energy([&] { now += seconds; }, executions, gauge, plan);
}

TEST(Energy, IsTheCountersDifferenceOverTheExecutions) {
  for (const double tick : {0.02, 0.05, 0.1}) {
    const std::optional<Energy> energy = energy_of(tick, 0.002, 10.0);
    ASSERT_TRUE(energy) << tick;
    EXPECT_NEAR(energy->joules, 400.0 * 0.0002, 400.0 * 0.0002 * 0.03) << tick;
    EXPECT_NEAR(energy->watts, 400.0, 12.0) << tick;
  }
  const std::optional<Energy> long_runs = energy_of(0.02, 0.3, 1.0);
  ASSERT_TRUE(long_runs);
  EXPECT_NEAR(long_runs->joules, 120.0, 120.0 * 0.1);
}

TEST(Energy, IsUnknownWhereTheCounterDoesNotMoveOrIsNotThere) {
  EXPECT_FALSE(energy_of(10.0, 0.002, 1.0));
  EXPECT_FALSE(energy_of(0.4, 0.002, 1.0, {0.1, 0.3}));
  Gauge gauge;
  gauge.energy_j = [] { return std::nullopt; };
  int runs = 0;
  EXPECT_FALSE(measure_energy([&] { ++runs; }, 1.0, gauge));
  EXPECT_EQ(runs, 0);
}

}  // namespace
}  // namespace assay::suites
