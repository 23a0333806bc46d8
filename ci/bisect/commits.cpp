// bisect commits, and bisect build-all: the command lines.
#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>

#include "ci/bisect/builds.h"
#include "ci/bisect/commands.h"
#include "ci/bisect/git.h"
#include "ci/bisect/live_table.h"
#include "ci/bisect/process.h"
#include "ci/bisect/real_lab.h"
#include "ci/bisect/search.h"
#include "ci/bisect/step_log.h"
#include "kernels/device/error.h"
#include "reports/compare_options.h"
#include "reports/summary.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Arguments {
  std::string good, bad = "HEAD", case_expression, metric = "time", least = "3%",
                    confidence = "99%", preset, repository = ".", work_dir, set, build_command,
                    run_command, json_file, markdown_file;
  double error_factor = 1.5;
  int repeat = 2;
  int jobs = 0;
  int slots = 1;
  std::int64_t seed = 1;
  double build_timeout_s = 7200, run_timeout_s = 3600;
  bool dry_run = false, resume = false, first_parent = false;
  std::vector<std::string> cmake_arguments;
};

std::string preset_for(const Arguments& arguments) {
  if (!arguments.preset.empty()) return arguments.preset;
  return find_metric(arguments.metric) == Metric::kWork ? "emulated-traced" : "emulated";
}

BuildPlan build_plan(const Arguments& arguments) {
  return {.preset = preset_for(arguments),
          .cmake_arguments = arguments.cmake_arguments,
          .target = program_of(find_metric(arguments.metric)),
          .command = arguments.build_command,
          .jobs = arguments.jobs,
          .timeout_s = arguments.build_timeout_s};
}

Question question_of(const Arguments& arguments, const Repository& repository) {
  Question question;
  question.good = repository.resolve(arguments.good, "--good");
  question.bad = repository.resolve(arguments.bad, "--bad");
  question.metric = find_metric(arguments.metric);
  question.least = reports::parse_share(arguments.least, "--least");
  question.confidence = reports::parse_share(arguments.confidence, "--confidence");
  question.error_factor = arguments.error_factor;
  question.repeat = arguments.repeat;
  question.first_parent = arguments.first_parent;
  if (!(question.confidence >= 0.5 && question.confidence <= 0.99999))
    throw InputError("--confidence: from 50% to 99.999%");
  if (!(question.error_factor > 1 && question.error_factor <= 1e6))
    throw InputError("--error-factor: a factor above 1, and up to 1e6");
  if (question.repeat < 1) throw InputError("--repeat: 1 or more");
  if (question.good != question.bad && repository.is_ancestor(question.bad, question.good)) {
    throw InputError(
        fmt::format("--good '{}' comes after --bad '{}'; what once was bad and got "
                    "good is found with the two swapped and the case turned round",
                    arguments.good, arguments.bad));
  }
  return question;
}

std::vector<std::string> program_arguments(const Arguments& arguments) {
  std::vector<std::string> all = {"--seed", std::to_string(arguments.seed)};
  if (!arguments.set.empty()) all.insert(all.end(), {"--set", arguments.set});
  return all;
}

// What a log has to agree in before its steps are worth anything here.
json header_of(const Arguments& arguments, const Question& question) {
  char host[256] = "";
  ::gethostname(host, sizeof(host) - 1);
  return {{"command", "commits"},
          {"good", question.good},
          {"bad", question.bad},
          {"case", arguments.case_expression},
          {"metric", arguments.metric},
          {"least", question.least},
          {"confidence", question.confidence},
          {"error_factor", question.error_factor},
          {"repeat", question.repeat},
          {"first_parent", question.first_parent},
          {"preset", preset_for(arguments)},
          {"cmake_arguments", arguments.cmake_arguments},
          {"build_command", arguments.build_command},
          {"run_command", arguments.run_command},
          {"program_arguments", program_arguments(arguments)},
          {"host", host}};
}

int worst_steps(std::size_t commits) {
  return commits <= 1 ? 0 : static_cast<int>(std::ceil(std::log2(static_cast<double>(commits))));
}

void print_plan(const Arguments& arguments, const Question& question, const Repository& repository,
                const BuildStore& builds) {
  const auto commits = repository.range(question.good, question.bad, question.first_parent);
  std::size_t present = 0;
  for (const std::string& commit : commits) present += builds.find(commit).has_value();
  const bool good_present = builds.find(question.good).has_value();
  const bool bad_present = builds.find(question.bad).has_value();
  const int steps = worst_steps(commits.size());
  const std::size_t inner = commits.empty() ? 0 : commits.size() - 1;
  const std::size_t inner_present = present - std::min<std::size_t>(present, bad_present);
  const int to_build =
      std::min<int>(steps, static_cast<int>(inner - std::min(inner, inner_present)));
  const int ends = !good_present + !bad_present;
  std::cout << fmt::format("commits: {} from {} to {}\n", commits.size(),
                           question.good.substr(0, 10), question.bad.substr(0, 10));
  std::cout << fmt::format("steps: at most {}, and the two ends\n", steps);
  std::cout << fmt::format(
      "builds: at most {}: {} of the ends, {} of steps; {} of the range are here already\n",
      ends + to_build, ends, to_build, present);
  const std::vector<double> times = builds.build_times();
  if (times.empty()) {
    std::cout << "time: not known before the first build here\n";
  } else {
    const double sum = std::accumulate(times.begin(), times.end(), 0.0);
    const double mean = sum / static_cast<double>(times.size());
    std::cout << fmt::format(
        "time: at most about {} for the builds, at {} each, the mean of {} here; "
        "and the runs\n",
        duration_text(mean * (ends + to_build)), duration_text(mean), times.size());
  }
  std::cout << fmt::format("case: '{}', metric {}, preset {}\n", arguments.case_expression,
                           arguments.metric, preset_for(arguments));
}

std::vector<std::string> replay_of(const Arguments& arguments, const Question& question) {
  std::vector<std::string> argv = {"bisect",       "commits",
                                   "--good",       question.good,
                                   "--bad",        question.bad,
                                   "--case",       arguments.case_expression,
                                   "--metric",     arguments.metric,
                                   "--least",      arguments.least,
                                   "--confidence", arguments.confidence,
                                   "--preset",     preset_for(arguments)};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) argv.insert(argv.end(), {name, value});
  };
  add("--set", arguments.set);
  add("--build-command", arguments.build_command);
  add("--run-command", arguments.run_command);
  const Arguments defaults;
  if (arguments.repository != defaults.repository)
    add("--repository", fs::absolute(arguments.repository).string());
  if (question.metric == Metric::kError)
    add("--error-factor", fmt::format("{}", arguments.error_factor));
  if (arguments.repeat != defaults.repeat) add("--repeat", std::to_string(arguments.repeat));
  if (arguments.run_timeout_s != defaults.run_timeout_s)
    add("--run-timeout", fmt::format("{:g}", arguments.run_timeout_s));
  if (arguments.seed != 1) add("--seed", std::to_string(arguments.seed));
  if (arguments.first_parent) argv.push_back("--first-parent");
  if (!arguments.cmake_arguments.empty()) argv.push_back("--");
  argv.insert(argv.end(), arguments.cmake_arguments.begin(), arguments.cmake_arguments.end());
  return {command_line(argv)};
}

Outcome commits(const Arguments& arguments) {
  check_places(arguments.json_file, arguments.markdown_file);
  const Repository repository(arguments.repository);
  const Question question = question_of(arguments, repository);
  const WorkFolder work(
      arguments.work_dir.empty() ? default_work_folder(repository) : fs::path(arguments.work_dir),
      arguments.dry_run ? WorkFolder::Access::kRead : WorkFolder::Access::kWork);
  BuildStore builds(repository, work, build_plan(arguments));
  if (arguments.dry_run) {
    print_plan(arguments, question, repository, builds);
    return Outcome::kFound;
  }
  RealLab lab(repository, work, builds,
              {.metric = question.metric,
               .case_expression = arguments.case_expression,
               .arguments = program_arguments(arguments),
               .command = arguments.run_command,
               .timeout_s = arguments.run_timeout_s});
  const json header = header_of(arguments, question);
  StepLog log(work.path() / "steps" / (repository.hash(header.dump()).substr(0, 16) + ".jsonl"),
              header, arguments.resume);
  LiveTable table(step_columns(), std::cout, is_terminal());
  table.note(fmt::format("bisect commits: {} of '{}', {} to {}; log {}", arguments.metric,
                         arguments.case_expression, question.good.substr(0, 10),
                         question.bad.substr(0, 10), log.path().string()));
  Search search(question, repository, lab, log, table, work.scratch() / "walk");
  Result result = search.run();
  result.replay = replay_of(arguments, question);
  result.facts.emplace_back("case", arguments.case_expression);
  table.note(fmt::format("\n{}: {}", name_of(result.outcome), result.headline));
  for (const auto& [name, value] : result.facts) table.note(fmt::format("  {}: {}", name, value));
  for (const ResultTable& one : result.tables) {
    if (one.title == "Steps") continue;
    table.note(one.title + ":");
    for (const auto& row : one.rows) table.note(fmt::format("  {}", fmt::join(row, "  ")));
  }
  for (const std::string& note : result.notes) table.note("note: " + note);
  table.note("again: " + result.replay.front());
  write_result(result, arguments.json_file, arguments.markdown_file);
  return result.outcome;
}

// Neighbours in one slot: what differs between them is all that is compiled.
Outcome build_all(const Arguments& arguments) {
  const Repository repository(arguments.repository);
  const Question question = question_of(arguments, repository);
  const WorkFolder work(arguments.work_dir.empty() ? default_work_folder(repository)
                                                   : fs::path(arguments.work_dir));
  const int slots = std::max(1, arguments.slots);
  BuildPlan plan = build_plan(arguments);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  plan.jobs = std::max(1, (plan.jobs > 0 ? plan.jobs : cores) / slots);
  BuildStore builds(repository, work, plan);
  std::vector<std::string> range =
      repository.range(question.good, question.bad, question.first_parent);
  range.insert(range.begin(), question.good);
  LiveTable table({{"commit", 10}, {"slot", 4, true}, {"build", 12, true}, {"result", 12}},
                  std::cout, false);
  std::mutex mutex;
  std::size_t failed = 0;
  std::atomic<bool> stop = false;
  std::exception_ptr error;
  const auto build_part = [&](int slot) {
    try {
      const std::size_t begin = range.size() * static_cast<std::size_t>(slot) / slots;
      const std::size_t end = range.size() * static_cast<std::size_t>(slot + 1) / slots;
      for (std::size_t i = begin; i < end && !stop; ++i) {
        const Build build = builds.get(range[i], slot);
        const std::lock_guard lock(mutex);
        failed += !build.ok;
        table.row({range[i].substr(0, 10), std::to_string(slot),
                   build.cached ? "cached" : duration_text(build.wall_s),
                   build.ok ? "ok" : "does not build: " + build.problem});
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      stop = true;
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int slot = 0; slot < slots; ++slot) threads.emplace_back(build_part, slot);
  }
  if (error) std::rethrow_exception(error);
  table.note(fmt::format("{} commits built, {} do not build; in {}", range.size() - failed, failed,
                         work.path().string()));
  return failed == range.size() ? Outcome::kUnclear : Outcome::kFound;
}

// NaN and infinity pass for numbers, and no time limit is below any run.
CLI::Validator seconds() {
  const auto problem = [](const std::string& text) {
    double value = 0;
    const bool fits = CLI::detail::lexical_cast(text, value) && value > 0 && value <= 1e7;
    return fits ? std::string() : "'" + text + "' is no time above 0 and up to 1e7 seconds";
  };
  return {problem, "SECONDS"};
}

void add_common_options(CLI::App& command, Arguments& a) {
  command.add_option("--good", a.good, "Revision where all was well")->required();
  command.add_option("--bad", a.bad, "Revision where it is not")->capture_default_str();
  command
      .add_option("--metric", a.metric,
                  "time: sweep's; error: err_ratio and rms_err; status: PASS or not; work: what is "
                  "counted and what the compiler reports, exactly")
      ->capture_default_str();
  command.add_option("--preset", a.preset,
                     "CMake preset: cuda, emulated, emulated-traced. Default: emulated-traced for "
                     "work, else emulated");
  command.add_option("--jobs", a.jobs, "Compile jobs; default, and 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--repository", a.repository, "Folder of the repository; only read")
      ->capture_default_str();
  command.add_option("--work-dir", a.work_dir,
                     "Where builds and logs are kept; default: below the user's cache");
  command.add_flag("--first-parent", a.first_parent, "Take a merged branch as its merge alone");
  command.add_option("--build-command", a.build_command,
                     "Instead of cmake: run by sh in the source folder of a commit. "
                     "ASSAY_BUILD_DIR is where to build; programs in its bin/ are kept");
  command.add_option("--build-timeout", a.build_timeout_s, "Seconds")
      ->check(seconds())
      ->capture_default_str();
  command.add_option("cmake-arguments", a.cmake_arguments, "After --: more arguments for cmake");
}

}  // namespace

void add_commits_command(CLI::App& app, Outcome& outcome) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "commits", "The commit that made a case slower, wrong, less accurate or more work");
  add_common_options(*command, *a);
  command
      ->add_option("--case", a->case_expression,
                   "Regular expression, searched for in the names of cases as tests, benchmarks "
                   "and reports spell them")
      ->required();
  command->add_option("--least", a->least, "Least growth of time or work that matters, as 3%")
      ->capture_default_str();
  command->add_option("--error-factor", a->error_factor, "Least growth of an error that matters")
      ->capture_default_str();
  command->add_option("--confidence", a->confidence, "Of the whole answer")->capture_default_str();
  command
      ->add_option("--repeat", a->repeat,
                   "Runs of a commit for status and error; they have to agree")
      ->capture_default_str();
  command->add_option("--set", a->set, "Shapes: smoke, ci or sweep; default: the program's");
  command->add_option("--seed", a->seed, "Seed of inputs")->capture_default_str();
  command->add_option("--run-command", a->run_command,
                      "Instead of verify or sweep: run by sh. ASSAY_BIN has the programs, "
                      "ASSAY_CASE the expression, ASSAY_CSV names the report to write, with raw "
                      "samples beside it");
  command->add_option("--run-timeout", a->run_timeout_s, "Seconds of one run")
      ->check(seconds())
      ->capture_default_str();
  command->add_flag("--dry-run", a->dry_run, "Say how many builds and how long, and do nothing");
  command->add_flag("--resume", a->resume, "Go on with a search that was interrupted");
  command->add_option("--json", a->json_file, "Write the result to this file");
  command->add_option("--markdown", a->markdown_file, "Write the result to this file");
  command->footer(
      "Exit code: 0 found; 1 not reproducible: the ends do not differ here; 2 bad input; 3 "
      "unclear;\n"
      "130 interrupted.");
  command->callback([a, &outcome] { outcome = commits(*a); });

  auto b = std::make_shared<Arguments>();
  CLI::App* all = app.add_subcommand(
      "build-all", "Build all commits of a range beforehand, several side by side");
  add_common_options(*all, *b);
  all->add_option("--slots", b->slots, "Builds side by side; --jobs is for all together")
      ->capture_default_str();
  all->callback([b, &outcome] { outcome = build_all(*b); });
}

}  // namespace assay::bisect
