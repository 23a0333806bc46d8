#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "suites/cases/cases.h"
#include "suites/kernel_run.h"
#include "suites/levels.h"
#include "suites/mutants/mutant.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

// How often a case is run for a bug that shows under some orders of threads only: under as many
// schedule seeds on the emulated device; a GPU orders its warps anew each time.
int attempts_for(const Mutant& mutant) {
  if (!mutant.depends_on_order()) return 1;
  return properties().kind == DeviceKind::kCuda ? 20 : 4;
}

// The cases of one op, smoke shapes first, each prepared when it is first asked for.
class OpCases {
 public:
  OpCases(std::vector<Case> cases, std::uint64_t seed) : cases_(std::move(cases)), seed_(seed) {
    std::stable_sort(cases_.begin(), cases_.end(),
                     [](const Case& a, const Case& b) { return a.set < b.set; });
    prepared_.resize(cases_.size());
  }

  const std::vector<Case>& cases() const { return cases_; }
  const PreparedCase& prepare(std::size_t index) {
    if (!prepared_[index]) prepared_[index] = std::make_unique<PreparedCase>(cases_[index], seed_);
    return *prepared_[index];
  }
  // What the version itself does under a schedule seed: a mutant that fails where it fails as well
  // proves nothing.
  const Outcome& unmutated(std::size_t index, std::size_t version, std::uint64_t seed,
                           const Stream& stream) {
    const auto key = std::tuple(index, version, seed);
    const auto found = unmutated_.find(key);
    if (found != unmutated_.end()) return found->second;
    return unmutated_[key] = prepare(index).check(version, stream);
  }

 private:
  std::vector<Case> cases_;
  std::uint64_t seed_;
  std::vector<std::unique_ptr<PreparedCase>> prepared_;
  std::map<std::tuple<std::size_t, std::size_t, std::uint64_t>, Outcome> unmutated_;
};

struct Kill {
  Check check;
  std::size_t index;   // of the case
  std::uint64_t seed;  // of the schedule
  int cases;           // run until then
  std::string reason;
};

// What all mutants share: the cases of the op at hand, the stream, and the count.
class Hunt {
 public:
  explicit Hunt(const Options& options) : options_(options) {
    for (Case& c : all_cases(options.set)) of_op_[c.op].push_back(std::move(c));
  }

  OpCases& cases_of(const std::string& op) {
    if (!current_ || op != op_) {
      current_.reset();
      current_ = std::make_unique<OpCases>(of_op_[op], options_.seed);
      op_ = op;
    }
    return *current_;
  }
  const Stream& stream() {
    if (!stream_) stream_ = std::make_unique<Stream>();
    return *stream_;
  }

  void count(const Mutant& mutant, const std::optional<Kill>& kill) {
    auto& [killed, total] = by_kind_[mutant.kind];
    ++total;
    if (!kill) {
      survivors_.push_back(mutant.id());
      return;
    }
    ++killed;
    ++by_check_[kill->check];
  }

  std::string summary() const {
    int killed = 0;
    std::string checks;
    for (const auto& [check, count] : by_check_) {
      killed += count;
      checks += fmt::format("  {} {}", name_of(check), count);
    }
    std::string kinds;
    for (const auto& [kind, counts] : by_kind_) {
      kinds += fmt::format("  {} {}/{}", kind, counts.first, counts.second);
    }
    std::string text =
        fmt::format("\nmutants: {} of {} killed\n  by check:{}\n  by kind: {}\n", killed,
                    static_cast<std::size_t>(killed) + survivors_.size(), checks, kinds);
    for (const std::string& id : survivors_) text += "  SURVIVED: " + id + "\n";
    return text;
  }

 private:
  const Options& options_;
  std::map<std::string, std::vector<Case>> of_op_;
  std::string op_;
  std::unique_ptr<OpCases> current_;
  std::unique_ptr<Stream> stream_;
  std::map<Check, int> by_check_;
  std::map<std::string, std::pair<int, int>> by_kind_;  // killed, of how many
  std::vector<std::string> survivors_;
};

class MutantTest : public testing::Test {
 public:
  MutantTest(std::shared_ptr<Hunt> hunt, const Mutant& mutant, const Options& options,
             Report& report)
      : hunt_(std::move(hunt)), mutant_(mutant), options_(options), report_(report) {}

  void TestBody() override {
    OpCases& cases = hunt_->cases_of(mutant_.op);
    const std::vector<std::string>& versions = cases.cases().at(0).versions;
    const auto place = std::find(versions.begin(), versions.end(), mutant_.version);
    ASSERT_NE(place, versions.end()) << mutant_.op << " has no version " << mutant_.version;
    version_ = static_cast<std::size_t>(place - versions.begin());

    const std::optional<Kill> kill = hunt(cases);
    set_schedule_seed(options_.seed);
    if (HasFailure()) return record("ERROR", "the unmutated version fails as well", last_);
    hunt_->count(mutant_, kill);
    if (!kill) {
      record("FAIL", fmt::format("survived {} cases", tried_), last_);
      ADD_FAILURE() << mutant_.id() << " (" << mutant_.kind << ", in " << mutant_.version
                    << ") survived " << tried_ << " cases. A user would see: " << mutant_.shows
                    << "\n  replay: " << repro();
      return;
    }
    const std::string text = fmt::format(
        "killed by {} in {} after {} {}{}", name_of(kill->check), cases.cases()[kill->index].id(),
        kill->cases, kill->cases == 1 ? "case" : "cases",
        kill->seed == options_.seed ? ""
                                    : fmt::format(", attempt {}", kill->seed - options_.seed + 1));
    const std::string first_line = kill->reason.substr(0, kill->reason.find('\n'));
    std::printf("  %-44s %s\n      %s\n", mutant_.id().c_str(), text.c_str(), first_line.c_str());
    record("PASS", text + ": " + first_line, kill->index);
  }

 private:
  // Case after case until a check fails.
  std::optional<Kill> hunt(OpCases& cases) {
    const Stream& stream = hunt_->stream();
    const Launcher launcher = [this](const Case& c, const Pointers& pointers, const Stream& to) {
      c.launch_other(mutant_.launch, pointers, to);
    };
    for (std::size_t index = 0; index < cases.cases().size(); ++index) {
      if (!cases.cases()[index].unsupported(version_).empty()) continue;
      last_ = index;
      ++tried_;
      for (int attempt = 0; attempt < attempts_for(mutant_); ++attempt) {
        const std::uint64_t seed = options_.seed + static_cast<std::uint64_t>(attempt);
        set_schedule_seed(seed);
        if (attempt == 0 && !unmutated_passes(cases, index, seed)) return std::nullopt;
        const Outcome outcome = cases.prepare(index).check(version_, launcher, stream);
        if (!outcome.failed) continue;
        if (attempt != 0 && !unmutated_passes(cases, index, seed)) return std::nullopt;
        return Kill{*outcome.failed, index, seed, tried_, outcome.reason};
      }
    }
    return std::nullopt;
  }

  bool unmutated_passes(OpCases& cases, std::size_t index, std::uint64_t seed) {
    const Outcome& outcome = cases.unmutated(index, version_, seed, hunt_->stream());
    if (outcome.status == Status::kPass) return true;
    ADD_FAILURE() << mutant_.id() << ": " << mutant_.version << " itself is "
                  << name_of(outcome.status) << " in " << cases.cases()[index].id()
                  << ", so that the mutant proves nothing: " << outcome.reason
                  << "\n  replay: " << repro();
    return false;
  }

  void record(const char* status, const std::string& reason, std::size_t index) {
    reports::Row row = common_row("mutant", options_.seed);
    describe_case(row, hunt_->cases_of(mutant_.op).cases()[index], version_);
    row.set("version", mutant_.version + "+" + mutant_.name);
    row.set("status", std::string_view(status)).set("reason", reason).set("repro_cmd", repro());
    report_.add(row);
  }

  std::string repro() const {
    return fmt::format("verify --mutants --set {} --seed {} --mutant {}", name_of(options_.set),
                       options_.seed, mutant_.id());
  }

  std::shared_ptr<Hunt> hunt_;
  const Mutant& mutant_;
  const Options& options_;
  Report& report_;
  std::size_t version_ = 0;
  std::size_t last_ = 0;  // case tried last
  int tried_ = 0;
};

// Prints the count once all mutants have run.
class MutantSummary : public testing::Environment {
 public:
  explicit MutantSummary(std::shared_ptr<Hunt> hunt) : hunt_(std::move(hunt)) {}
  void TearDown() override { std::printf("%s", hunt_->summary().c_str()); }

 private:
  std::shared_ptr<Hunt> hunt_;
};

}  // namespace

void register_mutant_tests(const Options& options, Report& report) {
  if (options.set == ShapeSet::kSweep) {
    throw InputError("verify --mutants: shape set 'sweep' is for timing; give smoke or ci");
  }
  auto shared = std::make_shared<Hunt>(options);
  int registered = 0;
  for (const Mutant& mutant : all_mutants()) {
    const bool named = options.mutant == mutant.name || options.mutant == mutant.id();
    if (!(named || (options.mutant.empty() && !mutant.equivalent()))) continue;
    ++registered;
    testing::RegisterTest(("mutant." + mutant.op).c_str(), mutant.name.c_str(), nullptr, nullptr,
                          __FILE__, __LINE__, [=, &mutant, &options, &report]() -> testing::Test* {
                            return new MutantTest(shared, mutant, options, report);
                          });
  }
  if (registered == 0) {
    throw InputError("verify: no mutant '" + options.mutant +
                     "'; `verify --mutants --gtest_list_tests` lists them");
  }
  testing::AddGlobalTestEnvironment(new MutantSummary(shared));
}

}  // namespace assay::suites
