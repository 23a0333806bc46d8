// sweep: the performance sweeps, as one Google Benchmark program that writes the CSV report.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "engine/config.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/op.h"
#include "reference/leave.h"
#include "reports/identity.h"
#include "suites/measure.h"
#include "suites/rows.h"
#include "suites/sweeps.h"

namespace assay::suites {

SweepReport::SweepReport(const std::string& csv, bool resume) {
  if (csv.empty()) return;
  const auto on_existing = resume ? reports::OnExisting::kResume : reports::OnExisting::kRefuse;
  rows_.emplace(csv, on_existing);
  samples_.emplace(reports::samples_path(csv), on_existing);
}

bool SweepReport::has(const reports::Row& row) const {
  return rows_ && rows_->has(reports::make_row_id(row));
}

void SweepReport::add(const reports::Row& row, const std::vector<double>& samples_us) {
  const std::string& status = row.text("status");
  if (status != "PASS" && status != "SKIP") ++failures_;
  if (!rows_) return;
  if (!samples_us.empty()) {
    samples_->write(row.text("run_id"), reports::make_row_id(row), samples_us);
  }
  rows_->write(row);
}

void register_entry(SweepEntry entry, SweepReport& report) {
  const std::string name = entry.name;
  benchmark::RegisterBenchmark(
      name.c_str(),
      [entry = std::move(entry), &report](benchmark::State& state) {
        reports::Row row = entry.identity;
        if (report.has(row)) {
          for ([[maybe_unused]] const auto _ : state) state.SetIterationTime(0);
          state.SetLabel("already in the report");
          return;
        }
        std::vector<double> samples;
        try {
          samples = entry.measure(row);
        } catch (const std::exception& error) {
          row.set("status", "ERROR");
          std::fprintf(stderr, "%s: %s\n", entry.name.c_str(), error.what());
        }
        report.add(row, samples);
        const std::optional<double> median_us = row.real("t_median_us");
        for ([[maybe_unused]] const auto _ : state)
          state.SetIterationTime(median_us.value_or(0) * 1e-6);
        state.SetLabel(row.text("status"));
        for (const char* column : {"gb_per_s", "tflop_per_s", "roofline_frac", "tok_per_s"}) {
          if (const auto value = row.real(column)) state.counters[column] = *value;
        }
        if (!median_us && row.text("status") != "SKIP") {
          state.SkipWithError(row.text("status").c_str());
        }
      })
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMicrosecond);
}

namespace {

std::vector<DType> parse_dtypes(const std::vector<std::string>& names) {
  std::vector<DType> dtypes;
  for (const std::string& name : names) {
    if (name == "fp32") {
      dtypes.push_back(DType::kF32);
    } else if (name == "fp16") {
      dtypes.push_back(DType::kF16);
    } else if (name == "bf16") {
      dtypes.push_back(DType::kBF16);
    } else {
      throw InputError("dtype '" + name + "' is none of fp32, fp16, bf16");
    }
  }
  return dtypes;
}

// Refuses what would fail in the middle of a run.
void check(const SweepOptions& options, const std::vector<std::string>& levels) {
  for (const std::string& level : levels) {
    if (level != "kernel" && level != "model") {
      throw InputError("level '" + level + "' is neither kernel nor model");
    }
  }
  for (const std::string& set : options.kernel_sets) KernelSet::parse(set);
  for (const std::string& op : options.ops) {
    const auto& known = all_ops();
    if (std::none_of(known.begin(), known.end(),
                     [&](const OpNames& names) { return names.op == op; })) {
      std::string names;
      for (const OpNames& o : known) names += " " + o.op;
      throw InputError("there is no op '" + op + "'; ops are" + names);
    }
  }
  const ModelConfig config = preset_config(options.model);
  const int context = config.context_length();
  for (const int length : options.prefill) {
    if (length < 1 || length > context) {
      throw InputError(
          fmt::format("prefill of {} tokens: {} takes 1 to {}", length, options.model, context));
    }
  }
  for (const int batch : options.decode) {
    if (batch < 1) throw InputError(fmt::format("decode of a batch of {}: at least 1", batch));
  }
  if (options.context < 2 || options.context > context) {
    throw InputError(fmt::format("context of {} tokens: {} takes 2 to {}", options.context,
                                 options.model, context));
  }
}

int run(int argc, char** argv) {
  const bool emulated = properties().kind == DeviceKind::kEmulated;
  SweepOptions options;
  std::string set = emulated ? "smoke" : "sweep";
  std::vector<std::string> dtypes = {"fp16"};
  std::vector<std::string> levels = {"kernel", "model"};
  options.kernel_sets = {"best", "baseline"};
  options.model = emulated ? "tiny" : "7b";
  options.prefill = emulated ? std::vector<int>{16} : std::vector<int>{512, 2048};
  options.decode = emulated ? std::vector<int>{1, 2} : std::vector<int>{1, 8, 32};
  options.context = emulated ? 32 : 256;
  options.common.csv = "sweep.csv";

  CLI::App app(
      "Times every op, layer and model, checked first, into a CSV. Every --benchmark_* flag works "
      "too.");
  app.allow_extras();
  app.add_option("--set", set, "Shapes of kernels: smoke, ci or sweep")->capture_default_str();
  app.add_option("--csv", options.common.csv, "The report; raw samples go beside it")
      ->capture_default_str();
  app.add_flag("--resume", options.common.resume, "Go on with a report that was cut short");
  app.add_option("--seed", options.common.seed, "Seed of inputs")->capture_default_str();
  app.add_option("--dtype", dtypes, "fp32, fp16, bf16")->delimiter(',')->capture_default_str();
  app.add_option("--ops", options.ops, "Only these ops")->delimiter(',');
  app.add_option("--level", levels, "kernel, model")->delimiter(',')->capture_default_str();
  app.add_option("--kernels", options.kernel_sets, "Kernel sets of model rows")
      ->capture_default_str();
  app.add_option("--model", options.model, "Preset of model rows")->capture_default_str();
  app.add_option("--prefill", options.prefill, "Prompt lengths")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--decode", options.decode, "Batch sizes")->delimiter(',')->capture_default_str();
  ResourceOptions resources;
  auto* table = app.add_option("--resources", resources.file,
                               "kernel_resources.json of a CUDA build: fills in registers, spills, "
                               "shared memory, occupancy");
  app.add_option("--arch", resources.arch, "With --resources: the architecture, as sm_90a")
      ->needs(table);
  app.add_option("--context", options.context, "Cached tokens of decode rows")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.common.set = parse_set(set);
  options.common.resources = read_resources(resources);
  options.dtypes = parse_dtypes(dtypes);
  check(options, levels);

  std::vector<std::string> extras = app.remaining();
  std::vector<char*> arguments{argv[0]};
  for (std::string& extra : extras) arguments.push_back(extra.data());
  arguments.push_back(nullptr);  // as in every argv
  int count = static_cast<int>(arguments.size()) - 1;
  benchmark::Initialize(&count, arguments.data());
  if (count > 1) throw InputError(std::string("sweep: unknown argument ") + arguments[1]);

  fmt::print("sweep: device {} ({}), set {}\n", assay::name_of(properties().kind),
             properties().name, set);
  if (emulated)
    fmt::print("sweep: these times are the emulated device's: they are not performance\n");
  const Stream stream;
  for (const DType dtype : options.dtypes) {
    const Ceilings limit = ceilings(dtype, stream);
    if (limit.bytes_per_s > 0.0) {
      fmt::print("sweep: ceilings {}: copy {:.0f} GB/s, matrix product {:.0f} TFLOP/s\n",
                 assay::name_of(dtype), limit.bytes_per_s * 1e-9, limit.flops_per_s * 1e-12);
    }
  }
  SweepReport report(options.common.csv, options.common.resume);
  for (const std::string& level : levels) {
    if (level == "kernel") register_kernel_sweep(options, report);
    if (level == "model") register_model_sweep(options, report);
  }
  benchmark::RunSpecifiedBenchmarks();
  fmt::print("sweep: {}\n", options.common.csv);
  return report.failures() > 0 ? 1 : 0;
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
