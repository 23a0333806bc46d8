// What verify watches while GoogleTest runs its tests: each test's verdict goes into the JUnit XML,
// a test that takes too long ends the run, and the run is held against its manifest.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "suites/manifest.h"
#include "suites/options.h"
#include "suites/report.h"
#include "suites/watchdog.h"

namespace assay::suites {

/// A listener of GoogleTest. Each test gets the properties `verdict` (PASS, FAIL, MISTRUSTED, SKIP,
/// ERROR, TIMEOUT), `err_ratio` and `reason` in the JUnit XML; a test that fails without a row, or
/// with rows that all pass, gets a row ERROR; one whose rows do not pass fails.
class Monitor : public testing::EmptyTestEventListener {
 public:
  /// Reads the manifest of `options`. Throws InputError where it is broken, or made for another set
  /// or device.
  Monitor(const Options& options, Report& report);

  /// Opens the report and tries the places of the other files, before the first test; ends the
  /// process with exit code 2 where one cannot be written. Nothing is opened where no test is
  /// chosen.
  void OnTestProgramStart(const testing::UnitTest& all) override;
  void OnTestStart(const testing::TestInfo& info) override;
  void OnTestEnd(const testing::TestInfo& info) override;

  /// False where --gtest_filter has chosen no test. A shard without one is no mistake.
  bool started() const { return started_; }

  /// After the last test: holds the run against the manifest, prints the summary and writes the
  /// files. False where a test was not run, or the manifest is out of date. Throws InputError where
  /// GoogleTest's own file is not whole.
  bool finish();

 private:
  [[noreturn]] void give_up(const std::string& test);
  std::map<std::string, Fate> fates() const;
  void account(const std::string& why_not_run);
  void add_row(const std::string& test, const char* status, const std::string& reason);
  void write_files() const;
  void print() const;

  const Options& options_;
  Report& report_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool started_ = false;
  std::optional<Manifest> expected_;
  mutable std::mutex mutex_;  // of the two below: the watchdog reads them
  std::set<std::string> finished_;
  std::string timed_out_;
  std::string why_not_run_ = "the run ended before it";
  std::vector<Discrepancy> discrepancies_;
  std::map<std::string, std::string> not_run_;  // test -> why, of those that should have run
  Watchdog watchdog_;                           // last: its thread uses what stands above
};

/// Throws InputError where --gtest_output asks for a file that cannot be completed with the tests
/// that did not run, and where --gtest_repeat asks for nothing, which GoogleTest counts as passed.
void check_test_flags();

/// Writes the manifest of the registered tests that --gtest_filter lets through, and runs none.
/// Returns the exit code.
int write_manifest(const Options& options, const Report& report);

}  // namespace assay::suites
