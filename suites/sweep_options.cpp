#include "suites/sweep_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "engine/decimal.h"
#include "kernels/device/error.h"
#include "suites/axes.h"
#include "suites/cases/cases.h"
#include "suites/cli_checks.h"
#include "suites/options.h"

namespace assay::suites {
namespace {

constexpr int MOST_BATCH = 4096;
constexpr int MOST_SEQ = 1 << 20;

// As given, before anything is made of it.
struct Flags {
  std::string set;
  std::string model;
  std::string batch = "1";
  std::string seq;
  std::string phase = "both";
  std::vector<std::string> dtypes = {"fp16"};
  std::vector<std::string> ops;
  std::vector<std::string> levels = {"kernel", "model"};
  std::vector<std::string> kernel_sets = {"best", "baseline"};
  std::vector<std::string> cases;
  std::string progress = "10s";
};

const std::vector<std::pair<std::string, DType>> DTYPES{
    {"fp32", DType::kF32}, {"fp16", DType::kF16}, {"bf16", DType::kBF16}};

std::vector<DType> parse_dtypes(const std::vector<std::string>& names) {
  std::vector<DType> dtypes;
  for (const std::string& name : names) {
    const auto found = std::find_if(DTYPES.begin(), DTYPES.end(),
                                    [&](const auto& known) { return known.first == name; });
    if (found == DTYPES.end()) {
      throw InputError("--dtype: '" + name + "' is none of fp32, fp16, bf16");
    }
    dtypes.push_back(found->second);
  }
  return dtypes;
}

std::vector<Phase> parse_phases(const std::string& text) {
  if (text == "prefill") return {Phase::kPrefill};
  if (text == "decode") return {Phase::kDecode};
  if (text == "both") return {Phase::kPrefill, Phase::kDecode};
  throw InputError("--phase: '" + text + "' is none of prefill, decode, both");
}

std::vector<std::string> known_ops() {
  std::vector<std::string> names;
  for (const CaseFamily& family : all_families()) names.push_back(family.op);
  return names;
}

void keep_dtypes(std::vector<GridPart>& parts, const std::vector<DType>& dtypes) {
  for (GridPart& part : parts) {
    std::erase_if(part.dtypes, [&](DType dtype) {
      return std::find(dtypes.begin(), dtypes.end(), dtype) == dtypes.end();
    });
  }
}

std::vector<DType> dtypes_of(const SweepPlan& plan) {
  std::vector<DType> dtypes;
  const auto add = [&](const std::vector<DType>& some) {
    for (const DType dtype : some) {
      if (std::find(dtypes.begin(), dtypes.end(), dtype) == dtypes.end()) dtypes.push_back(dtype);
    }
  };
  add(plan.table_dtypes);
  for (const auto* parts : {&plan.kernels, &plan.models}) {
    for (const GridPart& part : *parts) add(part.dtypes);
  }
  return dtypes;
}

// Flags that were given on the command line, not only set by default.
struct Given {
  bool axes;  // --batch, --seq or --phase
  bool set;
  bool model;
  bool dtypes;
  bool levels;
};

void apply(SweepOptions& options, const Flags& flags, const Given& given, DeviceKind device) {
  SweepPlan& plan = options.plan;
  const std::uint64_t seed = plan.seed;
  const std::vector<DType> dtypes = parse_dtypes(flags.dtypes);
  preset_config(flags.model);  // throws for no such preset
  for (const std::string& set : flags.kernel_sets) KernelSet::parse(set);

  if (!flags.cases.empty()) {
    if (given.axes || given.set || given.dtypes || !flags.ops.empty()) {
      throw InputError(
          "--case names its own op, dtype and shape: no axes, --set, --dtype or --ops beside it");
    }
    plan.case_names = flags.cases;
    options.what = fmt::format("{} case{}", flags.cases.size(), flags.cases.size() > 1 ? "s" : "");
  } else if (given.axes) {
    if (given.set) {
      throw InputError("--set has its own shapes: --batch, --seq and --phase without it");
    }
    const std::vector<int> batches = parse_axis("--batch", flags.batch, 1, MOST_BATCH);
    const std::vector<int> seqs = parse_axis("--seq", flags.seq, 1, MOST_SEQ);
    const std::vector<WorkPoint> points = grid(parse_phases(flags.phase), batches, seqs);
    plan.kernels = {{flags.model, {}, dtypes, points}};
    plan.models = plan.kernels;
    options.what = fmt::format("{} {}, batch {}, sequence {}", flags.model, flags.phase,
                               format_axis(batches), format_axis(seqs));
  } else {
    plan = preset_plan(flags.set, device);
    const bool tables = plan.tables.has_value();
    if (given.dtypes || tables) {
      if (tables) plan.table_dtypes = dtypes;
      if (tables) plan.models[0].dtypes = dtypes;
      keep_dtypes(plan.kernels, dtypes);
      keep_dtypes(plan.models, dtypes);
    }
    if (given.model && !tables) {
      throw InputError("--set full is of 7B: --model goes with the axes, or another set");
    }
    if (given.model) plan.models[0].model = flags.model;
    options.what = "set " + flags.set;
  }
  plan.seed = seed;
  plan.kernel_sets = flags.kernel_sets;

  // Ops and cases are kernels': where they are asked for, the model is not meant.
  const bool kernels_alone = !given.levels && (!flags.ops.empty() || !flags.cases.empty());
  const auto has = [&](const char* level) {
    return std::find(flags.levels.begin(), flags.levels.end(), level) != flags.levels.end();
  };
  for (const std::string& level : flags.levels) {
    if (level != "kernel" && level != "model") {
      throw InputError("--level: '" + level + "' is neither kernel nor model");
    }
  }
  if (!has("kernel")) {
    plan.tables.reset();
    plan.kernels.clear();
  }
  if (!has("model") || kernels_alone) plan.models.clear();
  plan.ops = choose("op", flags.ops, known_ops());
  options.dtypes = dtypes_of(plan);
}

}  // namespace

std::optional<SweepOptions> parse_sweep_options(int argc, const char* const* argv,
                                                DeviceKind device) {
  const bool emulated = device == DeviceKind::kEmulated;
  SweepOptions options;
  Flags flags;
  flags.set = emulated ? "smoke" : "full";
  flags.model = emulated ? "tiny" : "7b";
  flags.seq = emulated ? "32" : "512";

  CLI::App app(
      "Times every op, layer and model, checked first, into a CSV.\n"
      "An axis is a value, a list 1,8,32, a range 1-4, 16-64+16 or 128-8192*2. With --batch, --seq "
      "or --phase the\nshapes are those that a forward pass of --model has there; without, those "
      "of "
      "--set.\nEvery --benchmark_* flag works too.");
  app.allow_extras();
  const std::string shapes = "What is measured";
  auto* set =
      app.add_option("--set", flags.set, "smoke, ci, sweep: shapes of the case tables; full")
          ->capture_default_str()
          ->group(shapes);
  auto* batch = app.add_option("--batch", flags.batch, "Sequences at once")->capture_default_str();
  auto* seq =
      app.add_option("--seq", flags.seq,
                     "Tokens of a sequence: the prompt's in prefill, those cached in decode")
          ->capture_default_str();
  auto* phase =
      app.add_option("--phase", flags.phase, "prefill, decode, both")->capture_default_str();
  auto* model =
      app.add_option("--model", flags.model, "Preset whose shapes they are")->capture_default_str();
  auto* dtypes = app.add_option("--dtype", flags.dtypes, "fp32, fp16, bf16; full has its own")
                     ->delimiter(',')
                     ->capture_default_str();
  auto* ops = app.add_option("--ops", flags.ops,
                             "Kernels of these alone; attention: every op whose name begins so")
                  ->delimiter(',');
  auto* levels = app.add_option("--level", flags.levels, "kernel, model")
                     ->delimiter(',')
                     ->capture_default_str();
  auto* kernels = app.add_option("--kernels", flags.kernel_sets, "Kernel sets of model rows")
                      ->capture_default_str();
  auto* cases = app.add_option("--case", flags.cases,
                               "This kernel case alone, as reports name it: op/dtype/dimensions");
  for (CLI::Option* option : {batch, seq, phase, model, dtypes, ops, levels, kernels, cases}) {
    option->group(shapes);
  }
  ResourceOptions resources;
  auto* table = app.add_option("--resources", resources.file,
                               "kernel_resources.json of a CUDA build: fills in registers, spills, "
                               "shared memory, occupancy");
  app.add_option("--arch", resources.arch, "With --resources: the architecture, as sm_90a")
      ->needs(table);
  app.add_option("--csv", options.csv, "The report; raw samples go beside it")
      ->capture_default_str();
  app.add_flag("--resume", options.resume, "Go on with a report that was cut short");
  app.add_flag("--dry-run", options.dry_run, "List the rows and how long they may take");
  app.add_option("--seed", options.plan.seed, "Seed of inputs and of the order of cases")
      ->check(seed_number())
      ->capture_default_str();
  app.add_option("--progress", flags.progress, "How often progress is said where it is no terminal")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) == 0) return std::nullopt;
    throw InputError("sweep: see --help");
  }
  refuse_empty_values(app, "sweep");
  const Given given{batch->count() + seq->count() + phase->count() > 0, set->count() > 0,
                    model->count() > 0, dtypes->count() > 0, levels->count() > 0};
  apply(options, flags, given, device);
  options.plan.resources = read_resources(resources);
  options.progress_s = parse_duration_s("--progress", flags.progress);
  options.benchmark_flags = app.remaining();
  options.list_only = std::any_of(
      options.benchmark_flags.begin(), options.benchmark_flags.end(), [](const std::string& flag) {
        return flag == "--benchmark_list_tests" || flag == "--benchmark_list_tests=true";
      });
  return options;
}

}  // namespace assay::suites
