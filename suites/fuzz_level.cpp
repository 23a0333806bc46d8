#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <tuple>

#include "kernels/device/properties.h"
#include "suites/cases/cases.h"
#include "suites/kernel_run.h"
#include "suites/levels.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds LONGEST_SHRINK{20};
// Draws in a row that a version may refuse, or that were drawn before, until the next version has
// its turn.
constexpr int MOST_REFUSALS = 30;

WorkLimit work_limit() {
  if (properties().kind == DeviceKind::kCuda) return {4e6, 4e9};
  return {1.5e5, 3e6};  // a quarter of a second on one core, all checks together
}

// Shares the time among the tests that run: what one leaves over goes to those after it.
class Budget {
 public:
  explicit Budget(double seconds)
      : seconds_(
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}
  /// When the next test should end.
  Clock::time_point next_deadline() {
    const Clock::time_point now = Clock::now();
    if (taken_ == 0) end_ = now + seconds_;
    const int left = testing::UnitTest::GetInstance()->test_to_run_count() - taken_++;
    return now + std::max(end_ - now, Clock::duration::zero()) / std::max(left, 1);
  }

 private:
  Clock::duration seconds_;
  Clock::time_point end_;
  int taken_ = 0;
};

class FuzzTest : public testing::Test {
 public:
  FuzzTest(const CaseFamily& family, std::shared_ptr<Budget> budget, const Options& options,
           Report& report, FuzzTally& tally)
      : family_(family),
        budget_(std::move(budget)),
        options_(options),
        report_(report),
        tally_(tally) {}

  void TestBody() override {
    for (const std::string& version : family_.versions) tally_.expect(family_.op, version);
    const Clock::time_point deadline = budget_->next_deadline();
    CaseDrawer drawer(family_, options_.seed, work_limit());
    // Every version is drawn once, however short the time.
    for (std::size_t i = 0; i < family_.versions.size() || Clock::now() < deadline; ++i) {
      draw_and_check(drawer, i % family_.versions.size());
    }
  }

 private:
  // What went wrong; shrinking keeps to it.
  using Kind = std::tuple<std::size_t, Status, std::optional<Check>>;
  static Kind kind_of(std::size_t version, const Outcome& outcome) {
    return {version, outcome.status, outcome.failed};
  }

  void draw_and_check(CaseDrawer& drawer, std::size_t version) {
    for (int refusals = 0; refusals < MOST_REFUSALS; ++refusals) {
      const DrawnCase drawn = drawer.next(version);
      const Case c = family_.make(drawn.values, drawn.dtype, options_.set);
      if (!c.unsupported(version).empty()) {
        tally_.count(c.op, c.versions[version], FuzzTally::Result::kUnsupported);
        continue;
      }
      if (!seen_.emplace(version, c.id()).second) continue;
      const Outcome outcome = check(c, version);
      record(c, version, outcome);
      if (outcome.status == Status::kPass) {
        tally_.count(c.op, c.versions[version], FuzzTally::Result::kPassed);
      } else {
        tally_.count(c.op, c.versions[version], FuzzTally::Result::kFailed);
        if (reported_.insert(kind_of(version, outcome)).second)
          report_failure(drawn, c, version, outcome);
      }
      return;
    }
  }

  Outcome check(const Case& c, std::size_t version) {
    try {
      const PreparedCase prepared(c, options_.seed);
      seed_schedule(c, version, options_.seed);
      return prepared.check(version, stream_);
    } catch (const std::exception& error) {  // no inputs, or no reference
      Outcome outcome;
      outcome.status = Status::kError;
      outcome.reason = std::string("cannot prepare the case: ") + error.what();
      return outcome;
    }
  }

  void record(const Case& c, std::size_t version, const Outcome& outcome) {
    reports::Row row = common_row("kernel", options_.seed);
    describe_case(row, c, version);
    describe_outcome(row, outcome);
    row.set("repro_cmd", replay_command(c, version, options_.seed));
    report_.add(row);
  }

  void report_failure(const DrawnCase& drawn, const Case& c, std::size_t version,
                      const Outcome& first) {
    const Clock::time_point end = Clock::now() + LONGEST_SHRINK;
    Case smallest = c;
    Outcome outcome = first;
    const auto fails = [&](const DimensionValues& values) {
      if (!family_.impossible(values).empty()) return false;
      Case candidate = family_.make(values, drawn.dtype, options_.set);
      if (!candidate.unsupported(version).empty()) return false;
      Outcome found = check(candidate, version);
      if (kind_of(version, found) != kind_of(version, first)) return false;
      smallest = std::move(candidate);
      outcome = std::move(found);
      return true;
    };
    const Shrunk shrunk =
        shrink(family_.dimensions, drawn.values, fails, [&] { return Clock::now() >= end; });
    if (seen_.emplace(version, smallest.id()).second) record(smallest, version, outcome);
    ADD_FAILURE() << name_of(outcome.status) << ": " << outcome.reason << "\n  drawn:  " << c.op
                  << "/" << c.id() << "\n  shrunk: " << smallest.op << "/" << smallest.id() << " ("
                  << (shrunk.finished ? "nothing smaller fails" : "time ran out") << ", "
                  << shrunk.tries << " tried)"
                  << "\n  replay: " << replay_command(smallest, version, options_.seed);
  }

  const CaseFamily& family_;
  std::shared_ptr<Budget> budget_;
  const Options& options_;
  Report& report_;
  FuzzTally& tally_;
  Stream stream_;
  std::set<Kind> reported_;
  std::set<std::pair<std::size_t, std::string>> seen_;  // a case again would give the same again
};

}  // namespace

void register_fuzz_tests(const Options& options, Report& report, FuzzTally& tally) {
  for (const std::string& op : options.ops) find_family(all_families(), op);
  const auto budget = std::make_shared<Budget>(options.fuzz_s);
  for (const CaseFamily& family : all_families()) {
    const auto& ops = options.ops;
    if (!ops.empty() && std::find(ops.begin(), ops.end(), family.op) == ops.end()) continue;
    testing::RegisterTest("fuzz", family.op.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [&family, budget, &options, &report, &tally]() -> testing::Test* {
                            return new FuzzTest(family, budget, options, report, tally);
                          });
  }
}

}  // namespace assay::suites
