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

namespace {

int run(int argc, char** argv) {
  using namespace assay;
  suites::Options options;
  std::string set = "ci";
  CLI::App app(
      "Holds every kernel, layer and generation against LibTorch. Every --gtest_* flag works too.");
  app.allow_extras();
  app.add_option("--set", set, "Shapes: smoke, ci or sweep")->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of inputs and of the emulated device's schedule")
      ->capture_default_str();
  app.add_option("--csv", options.csv, "Write a row per case and version to this file");
  std::string fuzz;
  auto* of_case = app.add_option("--case", options.case_name,
                                 "This kernel case alone, as reports name it: op/dtype/dimensions");
  app.add_option("--version", options.version, "With --case: this version alone")->needs(of_case);
  auto* by_fuzz =
      app.add_option("--fuzz", fuzz, "Draw kernel cases at random for so long: 60s, 10m")
          ->excludes(of_case);
  app.add_option("--ops", options.ops, "With --fuzz: of these ops alone, separated by commas")
      ->delimiter(',')
      ->needs(by_fuzz);
  CLI11_PARSE(app, argc, argv);
  const bool fuzzing = by_fuzz->count() > 0;
  if (fuzzing) options.fuzz_s = suites::fuzz_budget_s(fuzz);
  options.set = suites::parse_set(set);
  if (of_case->count() > 0 && options.case_name.empty()) throw InputError("--case names no case");

  std::vector<std::string> extras = app.remaining();
  std::vector<char*> arguments{argv[0]};
  for (std::string& extra : extras) arguments.push_back(extra.data());
  arguments.push_back(nullptr);  // as in every argv
  int count = static_cast<int>(arguments.size()) - 1;
  testing::InitGoogleTest(&count, arguments.data());
  if (count > 1) throw InputError(std::string("verify: unknown argument ") + arguments[1]);

  set_schedule_seed(options.seed);
  suites::Report report(options.csv);
  suites::FuzzTally tally;
  if (fuzzing) {
    suites::register_fuzz_tests(options, report, tally);
  } else {
    suites::register_kernel_tests(options, report);
  }
  if (!fuzzing && options.case_name.empty()) {
    suites::register_layer_tests(options, report);
    suites::register_generation_tests(options, report);
  }
  if (!GTEST_FLAG_GET(list_tests)) {
    std::printf("verify: device %s (%s), set %s, seed %llu\n", name_of(properties().kind),
                properties().name.c_str(), set.c_str(),
                static_cast<unsigned long long>(options.seed));
  }
  const int failed = RUN_ALL_TESTS();
  if (!GTEST_FLAG_GET(list_tests)) {
    std::printf("%s%s", report.summary().c_str(), tally.summary().c_str());
  }
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
