// verify: the correctness suites, as one GoogleTest program.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "reference/leave.h"
#include "suites/levels.h"
#include "suites/monitor.h"

namespace {

int run(int argc, char** argv) {
  using namespace assay;
  suites::Options options;
  std::string set = "ci";
  std::string timeout = "15m";
  CLI::App app(
      "Holds every kernel, layer and generation against LibTorch. Every --gtest_* flag works too.");
  app.allow_extras();
  app.add_option("--set", set, "Shapes: smoke, ci or sweep")->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of inputs and of the emulated device's schedule")
      ->capture_default_str();
  app.add_option("--csv", options.csv, "Write a row per case and version to this file");
  app.add_option("--expect", options.expect,
                 "Fail where a test of this manifest does not run, or one runs that is not in it");
  app.add_option("--write-manifest", options.write_manifest,
                 "Write the manifest of this device, --set and --gtest_filter, and run nothing");
  app.add_option("--markdown", options.markdown, "Write a summary for a job page to this file");
  app.add_option("--timeout", timeout, "Longest time of one test: 90s, 15m; 0 for no limit")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.set = suites::parse_set(set);
  options.timeout_s = suites::parse_duration_s("--timeout", timeout);

  std::vector<std::string> extras = app.remaining();
  std::vector<char*> arguments{argv[0]};
  for (std::string& extra : extras) arguments.push_back(extra.data());
  arguments.push_back(nullptr);  // as in every argv
  int count = static_cast<int>(arguments.size()) - 1;
  testing::InitGoogleTest(&count, arguments.data());
  if (count > 1) throw InputError(std::string("verify: unknown argument ") + arguments[1]);

  set_schedule_seed(options.seed);
  suites::Report report(options.csv);
  suites::register_kernel_tests(options, report);
  suites::register_layer_tests(options, report);
  suites::register_generation_tests(options, report);
  if (!GTEST_FLAG_GET(list_tests)) {
    std::printf("verify: device %s (%s), set %s, seed %llu\n", name_of(properties().kind),
                properties().name.c_str(), set.c_str(),
                static_cast<unsigned long long>(options.seed));
  }
  if (!options.write_manifest.empty()) return suites::write_manifest(options, report);
  auto* monitor = new suites::Monitor(options, report);
  testing::UnitTest::GetInstance()->listeners().Append(monitor);  // GoogleTest owns it
  int failed = RUN_ALL_TESTS();
  if (!GTEST_FLAG_GET(list_tests) && !monitor->finish()) failed = 1;
  if (testing::UnitTest::GetInstance()->test_to_run_count() == 0) {
    throw InputError("verify: no test matches the filter");
  }
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 3;
  try {
    exit_code = run(argc, argv);
  } catch (const assay::InputError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    exit_code = 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "verify: %s\n", error.what());
  }
  assay::reference::leave(exit_code);
}
