#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "suites/cases/cases.h"
#include "suites/kernel_run.h"
#include "suites/levels.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

// Keeps the last case prepared: its versions are tested one after the other.
class CaseStore {
 public:
  CaseStore(std::vector<Case> cases, std::uint64_t seed) : cases_(std::move(cases)), seed_(seed) {}
  const std::vector<Case>& cases() const { return cases_; }
  const PreparedCase& prepare(std::size_t index) {
    if (!prepared_ || index != index_) {
      prepared_.reset();
      prepared_ = std::make_unique<PreparedCase>(cases_[index], seed_);
      index_ = index;
    }
    return *prepared_;
  }
  const Stream& stream() {
    if (!stream_) stream_ = std::make_unique<Stream>();
    return *stream_;
  }

 private:
  std::vector<Case> cases_;
  std::uint64_t seed_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<PreparedCase> prepared_;
  std::size_t index_ = 0;
};

class KernelTest : public testing::Test {
 public:
  KernelTest(std::shared_ptr<CaseStore> store, std::size_t index, std::size_t version,
             const Options& options, Report& report)
      : store_(std::move(store)),
        index_(index),
        version_(version),
        options_(options),
        report_(report) {}

  void TestBody() override {
    const Case& c = store_->cases()[index_];
    const std::string repro = replay_command(c, version_, options_.seed);
    const std::string reason = c.unsupported(version_);
    seed_schedule(c, version_, options_.seed);
    Outcome outcome = reason.empty() ? store_->prepare(index_).check(version_, store_->stream())
                                     : Outcome{Status::kSkip, reason, {}, {}, {}, {}};
    add_compiled_work(outcome, options_.resources.get());
    reports::Row row = common_row("kernel", options_.seed);
    describe_case(row, c, version_);
    describe_outcome(row, outcome);
    row.set("repro_cmd", repro);
    report_.add(row);
    if (outcome.status == Status::kSkip) GTEST_SKIP() << outcome.reason;
    if (outcome.status != Status::kPass) {
      ADD_FAILURE() << name_of(outcome.status) << ": " << outcome.reason << "\n  replay: " << repro;
    }
  }

 private:
  std::shared_ptr<CaseStore> store_;
  std::size_t index_;
  std::size_t version_;
  const Options& options_;
  Report& report_;
};

std::vector<Case> chosen_cases(const Options& options) {
  if (options.case_name.empty()) return all_cases(options.set);
  return {make_case(options.case_name, all_families(), options.set)};
}

}  // namespace

void register_kernel_tests(const Options& options, Report& report) {
  auto store = std::make_shared<CaseStore>(chosen_cases(options), options.seed);
  for (std::size_t index = 0; index < store->cases().size(); ++index) {
    const Case& c = store->cases()[index];
    for (std::size_t version = 0; version < c.versions.size(); ++version) {
      if (!options.version.empty() && version != find_version(c, options.version)) continue;
      const std::string name = c.versions[version] + "/" + c.id();
      report.will_skip(c.op + "." + name, c.unsupported(version));
      testing::RegisterTest(c.op.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [=, &options, &report]() -> testing::Test* {
                              return new KernelTest(store, index, version, options, report);
                            });
    }
  }
}

}  // namespace assay::suites
