#include "reports/self_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <utility>

#include "kernels/device/error.h"
#include "reports/table.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

constexpr double MOST_SLOWDOWN = 10;  // tenfold, and then some
constexpr double POWER = 0.95;

// One piece of work, with its samples in every report given.
struct Work {
  const Row* row = nullptr;
  std::vector<const std::vector<double>*> samples;
  std::vector<double> detectable;  // of every trial
};

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  // Not interpolated: the values may be infinite.
  return values[values.size() / 2];
}

// The smallest value that `share` of the values do not pass.
double upper(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

double spread_of(const std::vector<double>& samples) {
  const double median = median_of(samples);
  std::vector<double> distances;
  for (const double sample : samples) distances.push_back(std::abs(sample - median));
  return 1.4826 * median_of(distances) / median;
}

class SelfTester {
 public:
  SelfTester(std::span<const Side> sides, const SelfTestSettings& settings)
      : settings_(settings), random_(settings.seed) {
    result_.of_runs = sides.size() > 1;
    collect(sides);
  }

  SelfTest run() {
    if (result_.of_runs) {
      compare_runs();
    } else {
      compare_halves();
    }
    finish();
    return std::move(result_);
  }

 private:
  void collect(std::span<const Side> sides) {
    const auto wanted = matcher(settings_.filter, "filter");
    std::map<std::string, Work> by_id;
    for (const Side& side : sides)
      for (const Row& row : side.report.rows) {
        if (!settings_.filter.empty() && !wanted(row_name(row))) continue;
        const auto* samples = side.samples.find(row.text("run_id"), row.text("row_id"));
        if (!samples) continue;
        Work& work = by_id[row.text("row_id")];
        work.row = &row;
        work.samples.push_back(samples);
      }
    const std::size_t least = settings_.judge.least_samples() * (result_.of_runs ? 1 : 2);
    std::size_t most = 0;
    for (auto& [id, work] : by_id) {
      std::size_t fewest = work.samples.front()->size();
      for (const auto* samples : work.samples) fewest = std::min(fewest, samples->size());
      most = std::max(most, fewest);
      if (fewest < least || work.samples.size() < sides.size()) {
        ++result_.rows_too_small;
      } else {
        work_.push_back(std::move(work));
      }
    }
    if (work_.empty())
      throw InputError(fmt::format("{}: nothing to test: no row has {} samples{}; the most are {}",
                                   sides.front().report.file, least,
                                   result_.of_runs ? " in every report" : "", most));
  }

  // One comparison of two reports; `draw` gives the two sides' samples of a piece of work.
  template <typename Draw>
  void compare_once(const Draw& draw) {
    const double log_least = settings_.judge.log_least();
    std::vector<TimeComparison> times;
    times.reserve(work_.size());
    for (Work& work : work_) {
      const auto [a, b] = draw(work);
      const SampleSet base = examine(a, log_least);
      const SampleSet current = examine(b, log_least);
      times.push_back(measure(base, current, settings_.judge));
      work.detectable.push_back(
          detectable_slowdown(base, current, times.back(), settings_.judge, work_.size()));
    }
    std::vector<TimeComparison*> pointers;
    for (TimeComparison& time : times) pointers.push_back(&time);
    judge(pointers, settings_.judge);
    bool alarm = false;
    for (std::size_t i = 0; i < times.size(); ++i) {
      OpSelfTest& op = by_op_[work_[i].row->text("op")];
      ++op.trials;
      op.false_slower += times[i].verdict == TimeVerdict::kSlower;
      op.false_faster += times[i].verdict == TimeVerdict::kFaster;
      op.unclear += times[i].verdict == TimeVerdict::kUnclear;
      alarm = alarm || times[i].verdict == TimeVerdict::kSlower ||
              times[i].verdict == TimeVerdict::kFaster;
    }
    ++result_.reports;
    result_.reports_false += alarm;
  }

  void compare_halves() {
    for (std::size_t trial = 0; trial < settings_.trials; ++trial)
      compare_once([&](const Work& work) {
        const std::vector<double>& all = *work.samples.front();
        // Which half each sample goes to: a shuffled row of as many ones as zeros.
        std::vector<bool> second(all.size());
        for (std::size_t i = 0; i < all.size() / 2; ++i) second[i] = true;
        std::shuffle(second.begin(), second.end(), random_);
        std::pair<std::vector<double>, std::vector<double>> halves;
        for (std::size_t i = 0; i < all.size(); ++i)
          (second[i] ? halves.second : halves.first).push_back(all[i]);
        return halves;
      });
  }

  void compare_runs() {
    const std::size_t runs = work_.front().samples.size();
    for (std::size_t i = 0; i < runs; ++i)
      for (std::size_t j = 0; j < runs; ++j)
        if (i != j)
          compare_once([&](const Work& work) {
            return std::pair<std::span<const double>, std::span<const double>>(*work.samples[i],
                                                                               *work.samples[j]);
          });
  }

  void finish() {
    struct PerRow {
      std::vector<double> samples, noise, detectable;
    };
    std::map<std::string, PerRow> rows;
    PerRow every;
    for (const Work& work : work_) {
      const std::vector<double>& samples = *work.samples.front();
      const double size = static_cast<double>(samples.size()) / (result_.of_runs ? 1 : 2);
      const double noise = spread_of(samples);
      const double detectable = upper(work.detectable, POWER);
      for (PerRow* of : {&rows[work.row->text("op")], &every}) {
        of->samples.push_back(size);
        of->noise.push_back(noise);
        of->detectable.push_back(detectable);
      }
    }
    const auto fill = [](OpSelfTest& op, const PerRow& of) {
      op.rows = of.samples.size();
      op.samples = median_of(of.samples);
      op.noise = median_of(of.noise);
      op.detectable_typical = median_of(of.detectable);
      op.detectable_worst = *std::ranges::max_element(of.detectable);
    };
    for (auto& [name, op] : by_op_) {
      op.op = name;
      fill(op, rows[name]);
      result_.all.trials += op.trials;
      result_.all.false_slower += op.false_slower;
      result_.all.false_faster += op.false_faster;
      result_.all.unclear += op.unclear;
      result_.ops.push_back(op);
    }
    result_.all.op = "all";
    fill(result_.all, every);
  }

  const SelfTestSettings& settings_;
  std::mt19937_64 random_;
  std::vector<Work> work_;
  std::map<std::string, OpSelfTest> by_op_;
  SelfTest result_;
};

std::string slowdown_text(double slowdown) {
  return std::isfinite(slowdown) ? percent(slowdown).substr(1) : "none";
}

std::string rate_text(std::size_t hits, std::size_t trials) {
  const Interval interval = rate_interval(hits, trials);
  return fmt::format("{}/{} ({:.3g} % to {:.3g} %)", hits, trials, interval.low * 100,
                     interval.high * 100);
}

}  // namespace

double detectable_slowdown(const SampleSet& base, const SampleSet& current, const TimeComparison& c,
                           const JudgeSettings& settings, std::size_t rows) {
  if (std::min(c.base_samples, c.current_samples) < settings.least_samples())
    return std::numeric_limits<double>::infinity();
  const double least = settings.log_least();
  // A slowdown moves the interval as a whole, so what the interval needs is known at once.
  const double needed = std::max({0.0, least / 2 - c.ratio.low, least - c.ratio.high});
  const double n = static_cast<double>(c.base_samples);
  const double m = static_cast<double>(c.current_samples);
  const double factor = (1 / base.effective + 1 / current.effective) / (1 / n + 1 / m);
  std::vector<double> slowed(current.ascending.size());
  const auto is_found = [&](double log_slowdown) {
    const double times = std::exp(log_slowdown);
    for (std::size_t i = 0; i < slowed.size(); ++i) slowed[i] = current.ascending[i] * times;
    const RankTest test = mann_whitney(base.ascending, slowed, factor);
    return test.cliffs_delta > 0 && test.p * static_cast<double>(rows) <= settings.alpha;
  };
  // The interval asks for a little more than nothing beyond `needed`: the bounds are open.
  double low = needed + 1e-9;
  if (is_found(low)) return std::expm1(low);
  double high = std::log1p(MOST_SLOWDOWN);
  if (!(low < high) || !is_found(high)) return std::numeric_limits<double>::infinity();
  while (high - low > 1e-5) {
    const double middle = (low + high) / 2;
    (is_found(middle) ? high : low) = middle;
  }
  return std::expm1(high);
}

SelfTest run_self_test(std::span<const Side> sides, const SelfTestSettings& settings) {
  return SelfTester(sides, settings).run();
}

std::string describe_self_test(const SelfTest& test, const SelfTestSettings& settings,
                               bool markdown) {
  Table table({{"op"},
               {"rows", Align::kRight},
               {"samples", Align::kRight},
               {"noise", Align::kRight},
               {"false SLOWER (95 % interval)", Align::kRight},
               {"false FASTER", Align::kRight},
               {"UNCLEAR", Align::kRight},
               {"detects, typical row", Align::kRight},
               {"worst row", Align::kRight}});
  const auto add = [&](const OpSelfTest& op) {
    table.add({op.op.empty() ? "(model)" : op.op, fmt::format("{}", op.rows),
               fmt::format("{:g}", op.samples), percent(op.noise).substr(1),
               rate_text(op.false_slower, op.trials), fmt::format("{}", op.false_faster),
               fmt::format("{:.1f} %",
                           100 * static_cast<double>(op.unclear) / static_cast<double>(op.trials)),
               slowdown_text(op.detectable_typical), slowdown_text(op.detectable_worst)});
  };
  for (const OpSelfTest& op : test.ops) add(op);
  add(test.all);
  std::string out = fmt::format(
      "A against A: {}, with least effect {} and false discoveries at most {:g} %\n\n",
      test.of_runs ? fmt::format("{} ordered pairs of runs", test.reports)
                   : fmt::format("{} random splits of each row's samples in halves", test.reports),
      percent(settings.judge.least).substr(1), settings.judge.alpha * 100);
  out += markdown ? table.markdown() : table.text();
  out += fmt::format("\nreports with a false alarm: {}\n",
                     rate_text(test.reports_false, test.reports));
  if (test.rows_too_small > 0)
    out += fmt::format("rows left out, for too few samples: {}\n", test.rows_too_small);
  out += fmt::format(
      "smallest slowdown found with {:g} % power, if one row of a report is slower: {} for the "
      "typical row, {} for the worst\n",
      POWER * 100, slowdown_text(test.all.detectable_typical),
      slowdown_text(test.all.detectable_worst));
  if (!test.of_runs)
    out +=
        "(of half the samples each: two whole reports detect less than that; what differs from "
        "run to run shows only when two or more reports are given)\n";
  return out;
}

}  // namespace assay::reports
