// verify: the correctness suites, as one GoogleTest program.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <vector>

#include "engine/decimal.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "reference/leave.h"
#include "suites/cli_checks.h"
#include "suites/layers.h"
#include "suites/levels.h"
#include "suites/monitor.h"
#include "suites/oracle.h"
#include "suites/repro.h"

namespace {

using namespace assay;

// Returns the option that asks for the mode.
CLI::Option* add_layers_options(CLI::App& app, suites::LayersOptions& layers) {
  const std::string text =
      "One forward pass, every tap held against the reference: --kernels alone, against --from, or "
      "one checkpoint against another";
  auto* mode = app.add_flag("--layers", text);
  const std::string group = "With --layers";
  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->group(group)->needs(mode);
  };
  add("--checkpoint", layers.checkpoints,
      "Folder of the weights, the shipped ones by default; given twice: those of the truth, then "
      "those of the side that is judged");
  add("--from", layers.from, "Kernel set of a side that is known to be right");
  add("--dtype", layers.dtype, "fp32, fp16, bf16 [the checkpoint's]");
  add("--prompt-ids", layers.prompts, "A prompt's token ids: 1,403,22. Once for each sequence")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add("--decode", layers.decode, "Tokens decoded one by one after the prompts")
      ->check(CLI::Range(0, std::numeric_limits<int>::max()))
      ->capture_default_str();
  add("--json", layers.json, "Every tap's errors and bounds, to this file");
  return mode;
}

// The options of the command line; flags for GoogleTest are left in `app`.
void parse(CLI::App& app, suites::Options& options, suites::LayersOptions& layers, int argc,
           char** argv) {
  std::string set = "ci";
  std::string timeout = "15m";
  std::string fuzz;
  suites::ResourceOptions resources;
  app.allow_extras();
  app.add_option("--set", set, "Shapes: smoke, ci or sweep")->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of inputs and of the emulated device's schedule")
      ->check(seed_number())
      ->capture_default_str();
  app.add_option("--kernels", options.kernels,
                 "Pin versions of the models' kernel sets: op=version/version,...");
  std::string reference = "device";
  app.add_option("--reference", reference, "Where LibTorch computes: device or cpu")
      ->check(CLI::IsMember({"device", "cpu"}))
      ->capture_default_str();

  const std::string instead = "Instead of the suites";
  auto* of_case = app.add_option("--case", options.case_name,
                                 "This kernel case alone, as reports name it: op/dtype/dimensions");
  app.add_option("--version", options.version, "With --case: this version alone")->needs(of_case);
  auto* by_fuzz =
      app.add_option("--fuzz", fuzz, "Draw kernel cases at random for so long: 60s, 10m");
  app.add_option("--ops", options.ops, "With --fuzz: of these ops alone, separated by commas")
      ->delimiter(',')
      ->needs(by_fuzz);
  auto* mutants = app.add_flag("--mutants", options.mutants,
                               "Run the kernels with a deliberate bug: a check must fail on each");
  auto* of_mutant = app.add_option("--mutant", options.mutant, "The same for one: <op>/<name>");
  auto* replay = app.add_option("--replay", options.replay,
                                "Run the failing forward pass in this folder again");
  auto* by_layers = add_layers_options(app, layers);
  CLI::Option* const modes[] = {of_case, by_fuzz, mutants, of_mutant, replay, by_layers};
  for (CLI::Option* mode : modes) {
    mode->group(instead);
    for (CLI::Option* other : modes) {
      const bool both_mutants = mode == mutants && other == of_mutant;
      if (mode < other && !both_mutants) mode->excludes(other);
    }
  }

  app.add_option("--csv", options.csv, "Write a row per case and version to this file");
  app.add_option("--markdown", options.markdown, "Write a summary for a job page to this file");
  app.add_option("--repro", options.repro, "Folder for reproductions of failing forward passes")
      ->capture_default_str();
  auto* table = app.add_option("--resources", resources.file,
                               "kernel_resources.json of a CUDA build: fills in registers, spills, "
                               "shared memory, occupancy");
  app.add_option("--arch", resources.arch, "With --resources: the architecture, as sm_90a")
      ->needs(table);
  auto* expect = app.add_option(
      "--expect", options.expect,
      "Fail where a test of this manifest does not run, or one runs that is not in it");
  auto* write = app.add_option(
      "--write-manifest", options.write_manifest,
      "Write the manifest of this device, --set and --gtest_filter, and run nothing");
  write->excludes(expect);
  app.add_option("--timeout", timeout, "Longest time of one test: 90s, 15m; 0 for no limit")
      ->capture_default_str();
  for (const char* of_suites : {"--set", "--csv", "--markdown", "--resources", "--expect",
                                "--write-manifest", "--timeout"}) {
    app.get_option(of_suites)->excludes(by_layers)->excludes(replay);
  }
  for (const char* of_its_folder : {"--seed", "--kernels", "--reference", "--repro"}) {
    replay->excludes(app.get_option(of_its_folder));
  }
  app.parse(argc, argv);
  suites::refuse_empty_values(app, "verify");
  options.set = suites::parse_set(set);
  options.reference_on_cpu = reference == "cpu";
  options.resources = suites::read_resources(resources);
  options.mutants = options.mutants || of_mutant->count() > 0;
  options.layers = by_layers->count() > 0;
  layers.with_from = app.get_option("--from")->count() > 0;
  layers.kernels = options.kernels;
  layers.repro = options.repro;
  layers.seed = options.seed;
  options.timeout_s = suites::parse_duration_s("--timeout", timeout);
  if (by_fuzz->count() > 0) {
    options.fuzz_s = suites::parse_duration_s("--fuzz", fuzz);
    if (options.fuzz_s <= 0.0) throw InputError("--fuzz is '" + fuzz + "'; it must be above 0");
  }
}

void init_googletest(const CLI::App& app, char* program) {
  std::vector<std::string> extras = app.remaining();
  std::vector<char*> arguments{program};
  for (std::string& extra : extras) arguments.push_back(extra.data());
  arguments.push_back(nullptr);  // as in every argv
  int count = static_cast<int>(arguments.size()) - 1;
  testing::InitGoogleTest(&count, arguments.data());
  if (count > 1) throw InputError(std::string("verify: unknown argument ") + arguments[1]);
  suites::check_test_flags();
}

int run(int argc, char** argv) {
  suites::Options options;
  suites::LayersOptions layers;
  CLI::App app(
      "Holds every kernel, layer and generation against LibTorch. Every --gtest_* flag works too.");
  try {
    parse(app, options, layers, argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.reference_on_cpu) suites::keep_reference_on_cpu();
  if ((options.layers || !options.replay.empty()) && app.remaining_size() > 0) {
    throw InputError(std::string("verify ") + (options.layers ? "--layers" : "--replay") +
                     ": unknown argument " + app.remaining().front());
  }
  if (!options.replay.empty()) return suites::replay(options.replay);
  set_schedule_seed(options.seed);
  if (options.layers) return suites::compare_layers(layers);
  init_googletest(app, argv[0]);

  suites::Report report;
  suites::FuzzTally tally;
  if (options.mutants) {
    suites::register_mutant_tests(options, report);
  } else if (options.fuzz_s > 0.0) {
    suites::register_fuzz_tests(options, report, tally);
  } else {
    suites::register_kernel_tests(options, report);
    if (options.case_name.empty()) {
      suites::register_layer_tests(options, report);
      suites::register_generation_tests(options, report);
    }
  }
  if (!options.write_manifest.empty()) return suites::write_manifest(options, report);
  if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();

  std::printf("verify: device %s (%s), set %s, seed %llu\n", name_of(properties().kind),
              properties().name.c_str(), name_of(options.set),
              static_cast<unsigned long long>(options.seed));
  auto* monitor = new suites::Monitor(options, report);
  testing::UnitTest::GetInstance()->listeners().Append(monitor);  // GoogleTest owns it
  int failed = RUN_ALL_TESTS();
  if (!monitor->started()) throw InputError("verify: no test matches the filter");
  if (!monitor->finish()) failed = 1;
  std::printf("%s", tally.summary().c_str());
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
