// bisect layers
#include <fmt/format.h>
#include <sys/utsname.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "ci/bisect/commands.h"
#include "ci/bisect/layer_search.h"
#include "ci/bisect/live_table.h"
#include "ci/bisect/process.h"
#include "ci/bisect/scratch_folder.h"
#include "ci/bisect/step_log.h"
#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Arguments {
  std::vector<std::string> checkpoints;
  std::string from;
  std::string to;
  std::string dtype;
  std::vector<std::string> prompts;
  int decode = 2;
  std::uint64_t seed = 1;
  std::string repro = "assay-repro";
  fs::path verify;
  double timeout_s = 0;
  std::string log = "bisect-layers.jsonl";
  bool resume = false;
  bool dry_run = false;
  std::string json_file;
  std::string markdown_file;
};

std::vector<std::string> verify_command(const Arguments& a, const std::string& kernels) {
  std::vector<std::string> argv{a.verify.string(), "--layers"};
  for (const std::string& folder : a.checkpoints) argv.insert(argv.end(), {"--checkpoint", folder});
  if (!a.from.empty()) argv.insert(argv.end(), {"--from", a.from});
  const std::string& judged = kernels.empty() ? a.to : kernels;
  if (!judged.empty()) argv.insert(argv.end(), {"--kernels", judged});
  if (!a.dtype.empty()) argv.insert(argv.end(), {"--dtype", a.dtype});
  for (const std::string& prompt : a.prompts) argv.insert(argv.end(), {"--prompt-ids", prompt});
  argv.insert(argv.end(), {"--decode", std::to_string(a.decode), "--seed", std::to_string(a.seed)});
  return argv;
}

// Runs verify, or takes what a log has.
class Tracer {
 public:
  Tracer(const Arguments& arguments, StepLog& log) : a_(arguments), log_(log) {
    log.for_each_earlier([&](const json& step) {
      const json& trace = step.at("trace");
      parse_layer_trace(trace, "trace");
      earlier_[step.at("kernels").get<std::string>()] = trace;
    });
  }

  LayerTrace operator()(const std::string& kernels) {
    const auto start = std::chrono::steady_clock::now();
    const auto found = earlier_.find(kernels);
    from_log_ = found != earlier_.end();
    const json trace = from_log_ ? found->second : run(kernels);
    wall_s_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!from_log_) log_.append({{"kernels", kernels}, {"wall_s", wall_s_}, {"trace", trace}});
    return parse_layer_trace(trace, "verify --layers");
  }

  std::string time() const { return from_log_ ? "log" : duration_text(wall_s_); }

 private:
  json run(const std::string& kernels) {
    const fs::path file = folder_.path() / "trace.json";
    fs::remove(file);
    std::vector<std::string> argv = verify_command(a_, kernels);
    // Only what was asked leaves a folder for people.
    const std::string repro = kernels.empty() ? a_.repro : (folder_.path() / "repro").string();
    argv.insert(argv.end(), {"--json", file.string(), "--repro", repro});
    Process process{argv};
    if (a_.timeout_s > 0) process.timeout_s = a_.timeout_s;
    const ProcessResult result = run_process(process);
    // A GPU's fault ends verify while it cleans up, after it has written what it saw.
    if (!fs::exists(file) || result.exit_code == 2 || result.timed_out) {
      throw InputError(fmt::format("verify ended with {}{}: {}\n  {}", result.exit_code,
                                   result.timed_out ? " (--timeout)" : "",
                                   last_lines(result.err.empty() ? result.out : result.err, 3),
                                   command_line(argv)));
    }
    std::ifstream in(file);
    return json::parse(in);
  }

  const Arguments& a_;
  StepLog& log_;
  ScratchFolder folder_{"bisect-layers"};
  std::map<std::string, json> earlier_;
  double wall_s_ = 0;
  bool from_log_ = false;
};

std::string cell(const TapError& error) {
  return ratio_text(error.ratio) + (error.in_bound ? "" : " OUT");
}

std::string made_by_text(const TracedTap& tap) {
  std::string text;
  for (const MadeBy& one : tap.made_by) {
    text += (text.empty() ? "" : ", ") + one.op + " " + one.version;
  }
  return text;
}

void keep_worst(std::optional<TapError>& worst, const std::optional<TapError>& error) {
  if (!error) return;
  const bool worse = !worst || std::isnan(error->ratio) || error->ratio > worst->ratio;
  if (worse) worst = error;
}

// Taps of the culprit's step: one row each in layers where an error is born, one row for each other
// layer, with the worst of its taps.
ResultTable table_of_taps(const LayerTrace& trace) {
  const TracedTap& culprit = trace.to().taps[*trace.culprit];
  ResultTable table{fmt::format("Taps of step {}: error as a share of its bound", culprit.step),
                    {"tap", "made by", "local", "accumulated", "local bound", "--from, local"},
                    {}};
  std::set<std::string> shown{layer_of(culprit.name)};
  for (const std::size_t i : born_errors(trace)) shown.insert(layer_of(trace.to().taps[i].name));
  std::optional<TapError> local, accumulated, right;
  for (std::size_t i = 0; i < trace.to().taps.size(); ++i) {
    const TracedTap& tap = trace.to().taps[i];
    if (tap.step != culprit.step) continue;
    const std::string layer = layer_of(tap.name);
    const bool whole = !shown.contains(layer) && layer != tap.name;
    keep_worst(local, tap.local);
    keep_worst(accumulated, tap.accumulated);
    if (trace.from() && i < trace.from()->taps.size())
      keep_worst(right, trace.from()->taps[i].local);
    const bool more = i + 1 < trace.to().taps.size() && trace.to().taps[i + 1].step == tap.step &&
                      layer_of(trace.to().taps[i + 1].name) == layer;
    if (whole && more) continue;
    table.rows.push_back({whole ? layer + ".*, the worst" : tap.name,
                          whole ? "" : made_by_text(tap), local ? cell(*local) : "",
                          cell(*accumulated), local ? fmt::format("{:.3g}", local->bound) : "",
                          right ? cell(*right) : ""});
    local = accumulated = right = std::nullopt;
  }
  return table;
}

json steps_json(const LayerFinding& finding) {
  json steps = json::array();
  for (const LayerStep& step : finding.steps) {
    steps.push_back({{"what", step.what},
                     {"kernels", step.kernels},
                     {"in_bound", step.heals},
                     {"detail", step.detail}});
  }
  return steps;
}

Result result_of(const LayerFinding& finding, const Arguments& a) {
  const LayerTrace& trace = finding.trace;
  Result result;
  result.command = "bisect layers";
  result.outcome = finding.outcome;
  result.headline = finding.headline;
  result.notes = finding.notes;
  if (trace.culprit) {
    const TracedTap& tap = trace.to().taps[*trace.culprit];
    result.facts = {{"tap", tap.name}, {"step", std::to_string(tap.step)}};
    for (const MadeBy& one : finding.blamed) {
      result.facts.emplace_back(finding.blamed.size() == 1 ? "op and version" : "one of",
                                one.op + " " + one.version);
    }
    for (const std::string& weight : finding.weights) result.facts.emplace_back("weights", weight);
    result.tables.push_back(table_of_taps(trace));
    result.details["culprit"] = {{"tap", tap.name}, {"step", tap.step}, {"local", trace.local}};
  }
  for (const TracedSide& side : trace.sides) {
    if (!side.problem.empty()) result.details["problem"] = side.problem;
  }
  ResultTable steps{"Steps", {"what", "in bound", "found"}, {}};
  for (const LayerStep& step : finding.steps) {
    steps.rows.push_back({step.what, step.heals ? "yes" : "no", step.detail});
  }
  result.tables.push_back(std::move(steps));
  result.facts.emplace_back("truth", trace.truth + " in LibTorch, float64");
  result.facts.emplace_back("judged",
                            fmt::format("{}, kernels {}, {}, {} device", trace.to().checkpoint,
                                        trace.to().kernels, trace.dtype, trace.device));
  if (!trace.reproduction.empty()) {
    result.replay.push_back(command_line({a.verify.string(), "--replay", trace.reproduction}));
  }
  result.replay.push_back(command_line(verify_command(a, "")));
  json blamed = json::array();
  for (const MadeBy& one : finding.blamed) {
    blamed.push_back({{"op", one.op}, {"version", one.version}});
  }
  json born = json::array();
  for (const std::size_t i : born_errors(trace)) {
    const TracedTap& tap = trace.to().taps[i];
    born.push_back({{"tap", tap.name}, {"step", tap.step}});
  }
  result.details["blamed"] = blamed;
  result.details["weights"] = finding.weights;
  result.details["out_of_bound_by_itself"] = born;
  result.details["reproduction"] = trace.reproduction;
  result.details["steps"] = steps_json(finding);
  return result;
}

// Files of the checkpoints with their sizes and times: other weights may come to be under a name.
json files_of(const std::vector<std::string>& checkpoints) {
  json all = json::object();
  for (const std::string& folder : checkpoints) {
    if (!fs::is_directory(folder)) continue;  // verify says so
    for (const auto& file : fs::directory_iterator(folder)) {
      if (file.path().filename() != "config.json" && file.path().extension() != ".safetensors")
        continue;
      const auto time = file.last_write_time().time_since_epoch().count();
      all[file.path().string()] = fmt::format("{} bytes, time {}", file.file_size(), time);
    }
  }
  return all;
}

Result search(const Arguments& a) {
  utsname machine{};
  ::uname(&machine);
  std::error_code failed;
  const auto built = fs::last_write_time(a.verify, failed).time_since_epoch().count();
  StepLog log(a.log,
              {{"command", "layers"},
               {"verify", verify_command(a, "")},
               {"build", failed ? json() : json(built)},
               {"weights", files_of(a.checkpoints)},
               {"machine", machine.nodename}},
              a.resume);
  Tracer tracer(a, log);
  LayerSearch search([&](const std::string& kernels) { return tracer(kernels); });
  LayerFinding finding;
  {
    LiveTable table(
        {{"step", 4, true}, {"in bound", 8}, {"time", 8, true}, {"what", 34}, {"found", 20}},
        std::cout, is_terminal());
    std::size_t number = 0;
    search.starting = [&](const std::string& what) {
      throw_if_interrupted();
      table.now("tracing " + what);
    };
    search.done = [&](const LayerStep& step) {
      const bool ran = step.what == "as asked" || !step.kernels.empty();
      table.row({std::to_string(++number), step.heals ? "yes" : "no", ran ? tracer.time() : "",
                 step.what, step.detail});
    };
    finding = search.run();
  }
  if (!finding.trace.picture.empty()) std::cout << "\n" << finding.trace.picture;
  return result_of(finding, a);
}

Result dry_run(const Arguments& a) {
  Result result;
  result.command = "bisect layers --dry-run";
  result.outcome = Outcome::kFound;
  result.headline =
      "no builds; one run of the command below, and where a tap is out of bound, one more for each "
      "op "
      "between that tap and the one before: 5 at most";
  result.replay = {command_line(verify_command(a, ""))};
  return result;
}

}  // namespace

void add_layers_command(CLI::App& app, Outcome& outcome) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("layers",
                                         "Finds the first layer and op whose error leaves its "
                                         "bound, against the reference, another kernel set "
                                         "or another checkpoint");
  command->footer(
      "Without --from and a second --checkpoint the engine is held against the reference. An "
      "error's bound "
      "is that of the suites: twice LibTorch's own at the dtype, and a floor.");
  a->verify = fs::read_symlink("/proc/self/exe").parent_path() / "verify";
  command
      ->add_option("--checkpoint", a->checkpoints,
                   "Folder of the weights [the shipped ones]; given twice: the second is judged by "
                   "the first")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--from", a->from, "Kernel set that is right");
  command->add_option("--to,--kernels", a->to, "Kernel set that is judged [best]");
  command->add_option("--dtype", a->dtype, "fp32, fp16, bf16 [the checkpoint's]");
  command
      ->add_option("--prompt-ids", a->prompts,
                   "A prompt's token ids: 1,403,22. Once for each sequence [random ones]")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--decode", a->decode, "Tokens decoded one by one after the prompts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--seed", a->seed, "Of prompts and of the emulated device's schedule")
      ->capture_default_str();
  command->add_option("--repro", a->repro, "Where the reproduction folder goes")
      ->capture_default_str();
  command->add_option("--timeout", a->timeout_s, "Seconds that one run may take; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--verify", a->verify, "The program")->capture_default_str();
  command->add_option("--log", a->log, "The steps, one JSON object a line")->capture_default_str();
  command->add_flag("--resume", a->resume, "Go on from the log");
  command->add_flag("--dry-run", a->dry_run, "Say what would be run");
  command->add_option("--json", a->json_file, "Write the result as JSON");
  command->add_option("--markdown", a->markdown_file, "Write the result as Markdown");
  command->callback([=, &outcome] {
    check_places(a->json_file, a->markdown_file);
    const Result result = a->dry_run ? dry_run(*a) : search(*a);
    std::cout << "\n" << to_markdown(result);
    write_result(result, a->json_file, a->markdown_file);
    outcome = result.outcome;
  });
}

}  // namespace assay::bisect
