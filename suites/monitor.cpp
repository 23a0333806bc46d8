#include "suites/monitor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string_view>

#include "engine/files.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "reference/leave.h"
#include "suites/junit.h"
#include "suites/markdown.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

constexpr std::size_t MOST_PRINTED = 40;
constexpr unsigned LAST_WORDS_S = 60;

std::string full_name(const testing::TestInfo& info) {
  return std::string(info.test_suite_name()) + "." + info.name();
}

void for_each_test(const std::function<void(const testing::TestInfo&)>& visit) {
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) visit(*suite.GetTestInfo(t));
  }
}

// The message of the first part of a test's result that failed or skipped it.
std::string first_message(const testing::TestResult& result) {
  for (int i = 0; i < result.total_part_count(); ++i) {
    const testing::TestPartResult& part = result.GetTestPartResult(i);
    if (!part.passed()) return part.message();
  }
  return "";
}

bool is_disabled(const std::string& test) {
  return test.rfind("DISABLED_", 0) == 0 || test.find(".DISABLED_") != std::string::npos;
}

// The file of --gtest_output=xml:FILE, "" where it is anything else.
std::string xml_path() {
  const std::string output = GTEST_FLAG_GET(output);
  if (output.rfind("xml:", 0) != 0 || output.back() == '/') return "";
  return output.substr(4);
}

void write_whole(const std::string& path, const std::string& text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

// GoogleTest finds out after the last test whether its file can be written, and then aborts.
void check_place(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty() && !fs::exists(parent)) return;  // GoogleTest makes it
  const bool there = fs::exists(path);
  if (there && !fs::is_regular_file(path)) throw InputError(path + ": is no file");
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) throw InputError(path + ": cannot be written: " + std::strerror(errno));
  ::close(file);
  if (!there) fs::remove(path);
}

// It does not say either where the disk was full.
void check_whole(const std::string& path) {
  const std::string text = read_text_file(path);
  const std::size_t end = text.find_last_not_of(" \n\r\t");
  constexpr std::string_view LAST = "</testsuites>";
  if (end == std::string::npos || !std::string_view(text).substr(0, end + 1).ends_with(LAST)) {
    throw InputError(path + ": was not written whole; is the disk full?");
  }
}

// Of the manifest's own tests, whatever this run's filter left of them.
std::string update_command(const Manifest& manifest, const std::string& path) {
  const std::string& filter = manifest.filter;
  return fmt::format("verify --set {}{} --write-manifest {}", manifest.set,
                     filter == "*" ? "" : " --gtest_filter='" + filter + "'", path);
}

// GoogleTest applies a filter only while it runs or lists tests; its list is of no interest.
void select_tests() {
  ::unsetenv("GTEST_TOTAL_SHARDS");
  GTEST_FLAG_SET(list_tests, true);
  std::fflush(stdout);
  const int out = ::dup(STDOUT_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (out < 0 || nowhere < 0) throw Error("standard output cannot be set aside");
  ::dup2(nowhere, STDOUT_FILENO);
  const int failed = RUN_ALL_TESTS();
  std::fflush(stdout);
  ::dup2(out, STDOUT_FILENO);
  ::close(out);
  ::close(nowhere);
  if (failed != 0) throw Error("GoogleTest cannot list its tests");
}

}  // namespace

Monitor::Monitor(const Options& options, Report& report)
    : options_(options),
      report_(report),
      watchdog_(std::chrono::duration<double>(options.timeout_s),
                [this](const std::string& test) { give_up(test); }) {
  if (options.expect.empty()) return;
  expected_ = read_manifest(options.expect);
  const std::string device = name_of(properties().kind);
  const std::string set = name_of(options.set);
  if (expected_->device != device || expected_->set != set) {
    throw InputError(
        fmt::format("{}: a manifest of set {} on device {}; this run is of set {} on device {}",
                    options.expect, expected_->set, expected_->device, set, device));
  }
}

void check_test_flags() {
  if (GTEST_FLAG_GET(repeat) == 0) {
    throw InputError(
        "verify: --gtest_repeat is 0, which runs no test; leave it out or name how often");
  }
  const std::string output = GTEST_FLAG_GET(output);
  if (!output.empty() && xml_path().empty() && !GTEST_FLAG_GET(list_tests)) {
    throw InputError("verify: --gtest_output is '" + output +
                     "'; it must be xml:FILE, which is completed with the tests that did not run");
  }
}

void Monitor::OnTestProgramStart(const testing::UnitTest& all) {
  bool elsewhere = false;  // in another shard
  for_each_test([&](const testing::TestInfo& info) { elsewhere |= info.is_in_another_shard(); });
  if (all.test_to_run_count() == 0 && !elsewhere) return;
  try {
    if (!options_.csv.empty()) report_.open(options_.csv);
    if (!options_.markdown.empty()) OutputFile place(options_.markdown);
    if (const std::string xml = xml_path(); !xml.empty()) check_place(xml);
  } catch (const std::exception& error) {  // GoogleTest would swallow it
    std::fprintf(stderr, "%s\n", error.what());
    reference::leave(2);
  }
  if (all.test_to_run_count() == 0) std::printf("verify: no test falls to this shard\n");
  started_ = true;
}

void Monitor::OnTestStart(const testing::TestInfo& info) {
  report_.begin_test();
  watchdog_.begin(full_name(info));
}

void Monitor::OnTestEnd(const testing::TestInfo& info) {
  watchdog_.end();
  Report::TestOutcome outcome = report_.test_outcome();
  const bool bad_row =
      !outcome.status.empty() && outcome.status != "PASS" && outcome.status != "SKIP";
  if (info.result()->Failed() && !bad_row) {
    outcome.status = "ERROR";
    outcome.reason = first_message(*info.result());
    add_row(full_name(info), "ERROR", outcome.reason);
  } else if (bad_row && !info.result()->Failed()) {
    ADD_FAILURE() << outcome.status << ": " << outcome.reason;
  } else if (info.result()->Skipped()) {
    outcome.status = "SKIP";
    outcome.reason = first_message(*info.result());
  } else if (outcome.status.empty()) {
    outcome.status = "PASS";
  }
  testing::Test::RecordProperty("verdict", outcome.status);  // "status" is GoogleTest's own
  if (outcome.err_ratio) {
    testing::Test::RecordProperty("err_ratio", fmt::format("{:.6g}", *outcome.err_ratio));
  }
  if (!outcome.reason.empty()) testing::Test::RecordProperty("reason", outcome.reason);
  const std::lock_guard lock(mutex_);
  finished_.insert(full_name(info));
}

std::map<std::string, Fate> Monitor::fates() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Fate> all;
  for_each_test([&](const testing::TestInfo& info) {
    const std::string test = full_name(info);
    Fate fate;
    if (info.is_in_another_shard()) {
      fate.kind = Fate::Kind::kOtherShard;
    } else if (!info.should_run()) {
      fate = {Fate::Kind::kNotRun, is_disabled(test)
                                       ? "disabled"
                                       : "left out by --gtest_filter=" + GTEST_FLAG_GET(filter)};
    } else if (test != timed_out_ && finished_.count(test) == 0) {
      fate = {Fate::Kind::kNotRun, why_not_run_};
    } else if (test != timed_out_ && info.result()->Skipped()) {
      fate = {Fate::Kind::kSkipped, first_message(*info.result())};
    }
    if (!all.emplace(test, fate).second) {
      throw Error("two tests have one name, so one could vanish unseen: " + test);
    }
  });
  return all;
}

void Monitor::add_row(const std::string& test, const char* status, const std::string& reason) {
  const std::string suite = test.substr(0, test.find('.'));
  const bool model = suite == "layer" || suite == "generation";
  reports::Row row = common_row(model ? suite : "kernel", options_.seed);
  row.set("case_id", test).set("status", std::string_view(status)).set("reason", reason);
  if (!model) row.set("op", suite);
  row.set("repro_cmd", fmt::format("verify --set {} --seed {} --gtest_filter='{}'",
                                   name_of(options_.set), options_.seed, test));
  report_.add(row);
}

void Monitor::account(const std::string& why_not_run) {
  if (!why_not_run.empty()) why_not_run_ = why_not_run;
  const std::map<std::string, Fate> found = fates();
  for (const auto& [test, fate] : found) {
    if (fate.kind == Fate::Kind::kNotRun && fate.reason == why_not_run_) {
      not_run_[test] = fate.reason;
    }
  }
  if (expected_) discrepancies_ = find_discrepancies(*expected_, found);
  for (const Discrepancy& d : discrepancies_) {
    if (d.not_run) not_run_[d.test] = d.why;
  }
  for (const auto& [test, why] : not_run_) add_row(test, "NOT_RUN", why);
}

void Monitor::print() const {
  std::printf("%s", report_.summary().c_str());
  if (!expected_) return;
  if (discrepancies_.empty()) {
    std::printf("\n%s: all %zu tests accounted for\n", options_.expect.c_str(),
                expected_->tests.size());
    return;
  }
  std::printf("\n%s: %zu tests are not as listed\n", options_.expect.c_str(),
              discrepancies_.size());
  for (std::size_t i = 0; i < std::min(discrepancies_.size(), MOST_PRINTED); ++i) {
    const Discrepancy& d = discrepancies_[i];
    std::printf("  %s %s: %s\n", d.not_run ? "NOT_RUN " : "UNLISTED", d.test.c_str(),
                d.why.c_str());
  }
  if (discrepancies_.size() > MOST_PRINTED) {
    std::printf("  ... and %zu more\n", discrepancies_.size() - MOST_PRINTED);
  }
  const auto stays_listed = [](const Discrepancy& d) { return d.stays_listed; };
  if (std::ranges::all_of(discrepancies_, stays_listed)) return;
  std::printf("If the list is out of date: %s\n",
              update_command(*expected_, options_.expect).c_str());
}

void Monitor::write_files() const {
  const std::string xml = xml_path();
  if (!xml.empty()) check_whole(xml);
  if (!not_run_.empty() && !xml.empty()) {
    write_whole(xml, mark_not_run(read_text_file(xml), not_run_));
  }
  if (options_.markdown.empty()) return;
  const reports::Row row = common_row("kernel", options_.seed);
  RunFacts facts;
  facts.device = row.text("device");
  if (!row.text("gpu_name").empty()) facts.device += " (" + row.text("gpu_name") + ")";
  facts.commit = row.text("commit").substr(0, 12);
  if (row.text("dirty") == "yes") facts.commit += " with changes";
  facts.set = name_of(options_.set);
  facts.seed = options_.seed;
  const char* const shards = std::getenv("GTEST_TOTAL_SHARDS");
  const char* const shard = std::getenv("GTEST_SHARD_INDEX");
  if (shards != nullptr && shard != nullptr) facts.shard = fmt::format("{} of {}", shard, shards);
  facts.duration_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  for_each_test([&](const testing::TestInfo& info) {
    // To GoogleTest, a test that never began has passed.
    if (!info.should_run() || not_run_.count(full_name(info)) != 0) return;
    const testing::TestResult& result = *info.result();
    ++(result.Failed()    ? facts.tests_failed
       : result.Skipped() ? facts.tests_skipped
                          : facts.tests_passed);
  });
  facts.tests_not_run = static_cast<int>(not_run_.size());
  if (expected_) facts.update_command = update_command(*expected_, options_.expect);
  facts.discrepancies = discrepancies_;
  write_whole(options_.markdown, render_markdown(facts, report_));
}

bool Monitor::finish() {
  account("");
  print();
  write_files();
  return not_run_.empty() && discrepancies_.empty();
}

void Monitor::give_up(const std::string& test) {
  // The thread that runs the test may hold a lock that is needed here: the process ends all the
  // same.
  ::alarm(LAST_WORDS_S);
  const std::string reason =
      fmt::format("exceeded the {:g} s that one test may take (--timeout)", options_.timeout_s);
  try {
    add_row(test, "TIMEOUT", reason);
    ADD_FAILURE() << "TIMEOUT: " << test << " " << reason;
    testing::Test::RecordProperty("verdict", "TIMEOUT");
    {
      const std::lock_guard lock(mutex_);
      timed_out_ = test;
    }
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    if (testing::TestEventListener* xml = listeners.default_xml_generator()) {
      xml->OnTestIterationEnd(*testing::UnitTest::GetInstance(), 0);
    }
    account(fmt::format("the run ended at {}, which exceeded its time", test));
    print();
    write_files();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "verify: %s\n", error.what());
  }
  reference::leave(1);
}

int write_manifest(const Options& options, const Report& report) {
  select_tests();
  Manifest manifest;
  manifest.device = name_of(properties().kind);
  manifest.set = name_of(options.set);
  manifest.filter = GTEST_FLAG_GET(filter);
  std::size_t skipped = 0;
  for_each_test([&](const testing::TestInfo& info) {
    if (!info.is_reportable()) return;  // left out by the filter; a disabled test is listed
    const std::string test = full_name(info);
    const auto skip = report.announced_skips().find(test);
    const bool skips = skip != report.announced_skips().end();
    if (skips) ++skipped;
    if (!manifest.tests.emplace(test, skips ? kind_of_skip(skip->second) : Expected::kRun).second) {
      throw Error("two tests have one name, so one could vanish unseen: " + test);
    }
  });
  if (manifest.tests.empty()) throw InputError("verify: no test matches the filter");
  write_whole(options.write_manifest, format_manifest(manifest));
  std::printf("%s: %zu tests, %zu of them skipped\n", options.write_manifest.c_str(),
              manifest.tests.size(), skipped);
  return 0;
}

}  // namespace assay::suites
