// sweep: the performance sweeps, as one Google Benchmark program that writes the CSV report.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <regex>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "reference/leave.h"
#include "suites/interrupt.h"
#include "suites/measure.h"
#include "suites/sweep_options.h"
#include "suites/sweep_run.h"

namespace assay::suites {
namespace {

constexpr int SIGNALLED = 128;  // and the signal's number, as shells have it

// Google Benchmark would print its help and exit with 0.
void refuse_flags() {
  throw InputError(
      "sweep: a --benchmark_* flag has a value that Google Benchmark does not take; formats are "
      "console, json and csv");
}

// As Google Benchmark reads it, which would run nothing and exit with 0.
void check_filter(std::string filter) {
  if (filter.rfind('-', 0) == 0) filter.erase(0, 1);  // all but these
  try {
    const std::regex expression(filter, std::regex::extended);
  } catch (const std::regex_error& error) {
    throw InputError(fmt::format("sweep: --benchmark_filter '{}' is no regular expression: {}",
                                 filter, error.what()));
  }
}

void init_benchmark(const SweepOptions& options, char* program) {
  std::vector<std::string> flags = options.benchmark_flags;
  std::vector<char*> arguments{program};
  for (std::string& flag : flags) arguments.push_back(flag.data());
  arguments.push_back(nullptr);  // as in every argv
  int count = static_cast<int>(arguments.size()) - 1;
  benchmark::Initialize(&count, arguments.data(), refuse_flags);
  if (count > 1) throw InputError(std::string("sweep: unknown argument ") + arguments[1]);
  check_filter(benchmark::GetBenchmarkFilter());
}

// What the machine reaches at best, as rows of the report that it is held against.
void add_ceilings(const SweepOptions& options, SweepReport& report) {
  const Stream stream;
  for (const CeilingRow& ceiling : measure_ceilings(options.dtypes, stream, options.plan.seed)) {
    if (!report.has(ceiling.row)) report.add(ceiling.row, ceiling.samples_us);
  }
  for (const DType dtype : options.dtypes) {
    const Ceilings limit = ceilings(dtype, stream);
    if (limit.bytes_per_s > 0.0) {
      fmt::print(stderr, "sweep: ceilings {}: memory {:.0f} GB/s, matrix product {:.0f} TFLOP/s\n",
                 assay::name_of(dtype), limit.bytes_per_s * 1e-9, limit.flops_per_s * 1e-12);
    }
  }
}

// The command that goes on where this one stopped.
std::string resume_command(int argc, char** argv) {
  std::string command;
  bool resumes = false;
  for (int i = 0; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool plain = argument.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                           "WXYZ0123456789-_=./,:+") == std::string::npos;
    command += (i == 0 ? "" : " ") + (plain && !argument.empty() ? argument : "'" + argument + "'");
    resumes = resumes || argument == "--resume";
  }
  return resumes ? command : command + " --resume";
}

int run(int argc, char** argv) {
  const DeviceKind device = properties().kind;
  const std::optional<SweepOptions> parsed = parse_sweep_options(argc, argv, device);
  if (!parsed) return 0;  // --help
  const SweepOptions& options = *parsed;
  init_benchmark(options, argv[0]);

  PlannedSweep planned = assemble(options.plan);
  if (planned.cases.empty()) {
    throw InputError(
        fmt::format("sweep: there is nothing to measure\n{}", fmt::join(planned.notes, "\n")));
  }
  shuffle(planned.cases, options.plan.seed);
  SweepRun sweep(std::move(planned.cases));
  if (options.list_only) {
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  }
  sweep.find_chosen();
  fmt::print(stderr, "sweep: device {} ({}), {}, seed {}\n", assay::name_of(device),
             properties().name, options.what, options.plan.seed);
  if (device == DeviceKind::kEmulated) {
    fmt::print(stderr, "sweep: these times are the emulated device's: they are not performance\n");
  }
  for (const std::string& note : planned.notes) fmt::print(stderr, "sweep: {}\n", note);

  int failures = 0;
  if (options.resume) {
    failures = sweep.leave_out(rows_to_resume(options.csv, options.plan.seed));
  }
  const std::size_t rows = sweep.rows_to_do();
  fmt::print(stderr, "sweep: {} rows of {} cases, about {}", rows, sweep.cases_to_do(),
             format_duration(sweep.left_s()));
  if (rows < sweep.rows_chosen()) {
    fmt::print(stderr, "; {} more are in the report already", sweep.rows_chosen() - rows);
    if (failures > 0) fmt::print(stderr, ", {} of them failed", failures);
  }
  fmt::print(stderr, "\n");
  if (options.dry_run) {
    sweep.list();
    return 0;
  }

  SweepReport report(options.csv, options.resume);
  catch_interrupts();
  add_ceilings(options, report);
  Progress progress(stderr, ::isatty(STDERR_FILENO) != 0, options.progress_s);
  sweep.run(report, progress);
  if (const int signal = interrupted(); signal != 0) {
    fmt::print(stderr, "sweep: stopped; {} of {} rows are in {}. To go on:\n  {}\n",
               rows - sweep.rows_to_do(), rows, options.csv, resume_command(argc, argv));
    return SIGNALLED + signal;
  }
  fmt::print(stderr, "sweep: {}\n", options.csv);
  failures += report.failures();
  return failures > 0 ? 1 : 0;
}

}  // namespace
}  // namespace assay::suites

int main(int argc, char** argv) {
  int exit_code = 3;
  try {
    exit_code = assay::suites::run(argc, argv);
  } catch (const assay::InputError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    exit_code = 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sweep: %s\n", error.what());
  }
  assay::reference::leave(exit_code);
}
