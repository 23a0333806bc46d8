#include "suites/collect.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "kernels/device/error.h"
#include "reports/statistics.h"
#include "reports/throttle.h"

namespace assay::suites {
namespace {

// Between two questions for throttling: far longer than an answer takes, shorter than the GPU's
// clocks take to settle.
constexpr double ASK_EVERY_SECONDS = 0.005;
// A sampler that throttling leaves too little may take this much longer.
constexpr double PATIENCE = 4.0;

struct Taken {
  double time_us;
  std::string throttle;  // before and after it
  bool spoilt;
};

// The reasons that at least `least` of the samples were taken under.
std::string reasons_of(const std::vector<Taken>& taken, std::size_t least) {
  std::map<std::string, std::size_t> counts;
  bool known = false;
  for (const Taken& sample : taken) {
    std::vector<std::string> reasons = reports::throttle_reasons(sample.throttle);
    known = known || sample.throttle.find_first_not_of(' ') != std::string::npos;
    std::sort(reasons.begin(), reasons.end());
    reasons.erase(std::unique(reasons.begin(), reasons.end()), reasons.end());
    for (const std::string& reason : reasons) ++counts[reason];
  }
  std::string text;
  for (const auto& [reason, count] : counts) {
    if (count >= least) text += (text.empty() ? "" : " ") + reason;
  }
  return text.empty() && known ? "none" : text;
}

// One sampler's samples so far.
class Pile {
 public:
  Pile(const Sampler& sample, const SamplingPlan& plan) : sample_(&sample), plan_(plan) {}

  void take(const Gauge& gauge) {
    const double start = gauge.seconds();
    pending_.push_back((*sample_)());
    seconds_ += gauge.seconds() - start;
  }
  bool has_pending() const { return !pending_.empty(); }
  // Judges the samples since the last answer, now that the next one is known.
  void settle(const std::string& before, const std::string& after) {
    const bool spoilt = reports::spoils_times(before) || reports::spoils_times(after);
    for (const double time : pending_) taken_.push_back({time, before + " " + after, spoilt});
    (spoilt ? spoilt_ : kept_) += pending_.size();
    pending_.clear();
  }

  // Those that wait for an answer are taken for good.
  bool enough() const {
    const std::size_t count = kept_ + pending_.size();
    if (count >= plan_.max_samples || spoilt_ >= plan_.max_samples) return true;
    // A slow sampler gets its min_samples however long they take; a throttled one does not.
    if (count < plan_.min_samples) return spoilt_ > 0 && seconds_ > PATIENCE * plan_.max_seconds;
    if (seconds_ > plan_.max_seconds) return true;
    if (count < plan_.wanted_samples) return false;
    std::vector<double> times = pending_;
    for (const Taken& taken : taken_) {
      if (!taken.spoilt) times.push_back(taken.time_us);
    }
    const reports::TimeSummary summary = reports::summarize(times);
    return summary.median_ci_us && summary.median_ci_us->high - summary.median_ci_us->low <
                                       plan_.relative_precision * summary.median_us;
  }

  Collected result() const {
    Collected all;
    std::vector<Taken> used = taken_;
    if (kept_ >= plan_.min_samples) {
      all.discarded = spoilt_;
      used.erase(
          std::remove_if(used.begin(), used.end(), [](const Taken& taken) { return taken.spoilt; }),
          used.end());
      all.throttle = reasons_of(used, (used.size() + 1) / 2);
    } else {
      all.throttle = reasons_of(used, 1);
    }
    for (const Taken& taken : used) all.samples_us.push_back(taken.time_us);
    return all;
  }

 private:
  const Sampler* sample_;
  SamplingPlan plan_;
  double seconds_ = 0.0;  // spent on samples, kept or not
  std::vector<double> pending_;
  std::vector<Taken> taken_;
  std::size_t kept_ = 0;
  std::size_t spoilt_ = 0;
};

void shuffle(std::vector<std::size_t>& items, Random& order) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1],
              items[static_cast<std::size_t>(order.between(0, static_cast<int>(i) - 1))]);
  }
}

}  // namespace

std::vector<Collected> collect_interleaved(const std::vector<Sampler>& samplers,
                                           const std::vector<SamplingPlan>& plans, Random& order,
                                           const Gauge& gauge) {
  if (plans.size() != samplers.size()) {
    throw Error("collect_interleaved: " + std::to_string(samplers.size()) + " samplers and " +
                std::to_string(plans.size()) + " plans");
  }
  std::vector<Pile> piles;
  for (std::size_t i = 0; i < samplers.size(); ++i) piles.emplace_back(samplers[i], plans[i]);
  std::string before = gauge.throttle();
  double asked = gauge.seconds();
  while (true) {
    std::vector<std::size_t> waiting;
    for (std::size_t i = 0; i < piles.size(); ++i) {
      if (!piles[i].enough()) waiting.push_back(i);
    }
    shuffle(waiting, order);
    for (const std::size_t i : waiting) piles[i].take(gauge);
    if (!waiting.empty() && gauge.seconds() - asked < ASK_EVERY_SECONDS) continue;
    const bool settled = std::none_of(piles.begin(), piles.end(),
                                      [](const Pile& pile) { return pile.has_pending(); });
    if (waiting.empty() && settled) break;
    std::string after = gauge.throttle();
    asked = gauge.seconds();
    for (Pile& pile : piles) pile.settle(before, after);
    before = std::move(after);
  }
  std::vector<Collected> all;
  for (const Pile& pile : piles) all.push_back(pile.result());
  return all;
}

std::vector<std::vector<double>> collect_interleaved(std::vector<Sampler> samplers,
                                                     const SamplingPlan& plan, Random& order) {
  std::vector<std::vector<double>> times;
  for (Collected& collected : collect_interleaved(
           samplers, std::vector<SamplingPlan>(samplers.size(), plan), order, Gauge{})) {
    times.push_back(std::move(collected.samples_us));
  }
  return times;
}

std::vector<double> collect(const Sampler& sample, const SamplingPlan& plan) {
  Random order(0);
  return collect_interleaved({sample}, plan, order)[0];
}

std::optional<Energy> measure_energy(const std::function<void()>& run, double executions,
                                     const Gauge& gauge, const EnergyPlan& plan) {
  const auto read = gauge.energy_j;
  const std::optional<double> idle = read();
  if (!idle) return std::nullopt;
  const double start = gauge.seconds();
  double first = *idle;
  while (first == *idle) {  // to the counter's next step
    if (gauge.seconds() - start > plan.give_up_s) return std::nullopt;
    run();
    first = read().value_or(first);
  }
  const double first_s = gauge.seconds();
  double last = first;
  double last_s = first_s;
  std::size_t runs = 0;
  std::size_t runs_to_last = 0;
  while (last_s - first_s < plan.window_s && gauge.seconds() - first_s < plan.give_up_s) {
    run();
    ++runs;
    const double now = read().value_or(last);
    if (now == last) continue;
    last = now;
    last_s = gauge.seconds();
    runs_to_last = runs;
  }
  if (runs_to_last == 0 || last <= first) return std::nullopt;
  return Energy{(last - first) / (static_cast<double>(runs_to_last) * executions),
                (last - first) / (last_s - first_s)};
}

}  // namespace assay::suites
