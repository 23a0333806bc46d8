// bisect versions
#include <fmt/format.h>
#include <sys/utsname.h>

#include <iostream>
#include <utility>

#include "ci/bisect/commands.h"
#include "ci/bisect/live_table.h"
#include "ci/bisect/process.h"
#include "ci/bisect/step_log.h"
#include "ci/bisect/version_search.h"
#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Arguments {
  VersionQuestion question;
  std::string from = "baseline";
  std::string to = "best";
  std::string log = "bisect-versions.jsonl";
  bool resume = false;
  bool dry_run = false;
  std::string json_file;
  std::string markdown_file;
};

// The machine, and the build by its programs' times: what steps in a log have to share.
json identity(const VersionQuestion& question) {
  utsname machine{};
  ::uname(&machine);
  json all = {{"machine", machine.nodename}};
  if (!question.check.empty()) return all;
  for (const auto& [name, path] :
       {std::pair("verify", &question.verify), {"sweep", &question.sweep}}) {
    std::error_code failed;
    const auto time = fs::last_write_time(*path, failed).time_since_epoch().count();
    all[name] = failed ? json() : json(time);
  }
  return all;
}

json header(const Arguments& a, const KernelDifference& difference) {
  return {{"command", "versions"},
          {"from", spec_of(difference.from())},
          {"to", spec_of(difference.to())},
          {"check", a.question.check},
          {"metric", a.question.check.empty() ? a.question.metric : ""},
          {"case", a.question.cases},
          {"gtest_filter", a.question.filter},
          {"least", a.question.least ? json(*a.question.least) : json()},
          {"extra", a.question.extra},
          {"build", identity(a.question)}};
}

Result dry_run(const KernelDifference& difference, VersionCheck& check) {
  const std::size_t n = difference.ops().size();
  const auto start = std::chrono::steady_clock::now();
  check.measure(spec_of(difference.from()));
  const double once_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::size_t steps = 0;
  while ((std::size_t{1} << steps) < n) ++steps;
  const std::size_t least = 3 + 2 * steps;
  const std::size_t most = 3 + n * n + 3 * n;
  Result result;
  result.command = "bisect versions --dry-run";
  result.outcome = Outcome::kFound;
  result.headline = fmt::format(
      "{} ops differ; no builds; about {} tests where one version is to blame, at most {} where "
      "many "
      "are; one took {} just now: {} to {}",
      n, least, most, duration_text(once_s), duration_text(once_s * static_cast<double>(least)),
      duration_text(once_s * static_cast<double>(most)));
  ResultTable table{"What differs", {"op", "--from", "--to"}, {}};
  const auto shown = [](const std::vector<std::string>& order) {
    std::string text;
    for (const std::string& version : order) text += (text.empty() ? "" : "/") + version;
    return text;
  };
  for (const std::string& op : difference.ops()) {
    table.rows.push_back({op, shown(difference.from().at(op)), shown(difference.to().at(op))});
  }
  result.tables.push_back(std::move(table));
  result.details = {{"ops", difference.ops()},
                    {"least_tests", least},
                    {"most_tests", most},
                    {"one_test_s", once_s}};
  return result;
}

std::string listed(const std::vector<Pin>& pins) {
  std::string text;
  for (std::size_t i = 0; i < pins.size(); ++i) {
    text += i == 0 ? "" : i + 1 < pins.size() ? ", " : " and ";
    text += pins[i].op + "=" + pins[i].version;
  }
  return text;
}

void describe_finding(const VersionFinding& finding, const Arguments& a, Result& result) {
  if (finding.pins.empty()) {
    result.headline = finding.text;
    return;
  }
  result.headline = finding.pins.size() == 1
                        ? fmt::format("{} makes it bad", listed(finding.pins))
                        : fmt::format("{} make it bad, and only together", listed(finding.pins));
  for (const Pin& pin : finding.pins)
    result.facts.emplace_back("version", pin.op + "=" + pin.version);
  if (finding.doubtful.empty()) {
    result.notes.push_back(
        "1-minimal: --from with these versions is bad, and with any one of them left out it is "
        "good");
  } else {
    result.headline = fmt::format("among {} is what makes it bad", listed(finding.pins));
    result.notes.push_back(
        fmt::format("whether {} is needed is unclear: without it the check does not tell",
                    listed(finding.doubtful)));
  }
  switch (finding.rest) {
    case Answer::kGood:
      result.notes.push_back("--to without them is good: they are all there is");
      break;
    case Answer::kBad:
      result.notes.push_back(
          fmt::format("--to without them is bad as well ({}): there is more to find, with --from "
                      "'{}' --to '{}'",
                      finding.rest_detail, a.from, finding.rest_kernels));
      break;
    case Answer::kUnclear:
      result.notes.push_back("--to without them is unclear: " + finding.rest_detail);
      break;
  }
}

Result search(const Arguments& a, const KernelDifference& difference, VersionCheck& check) {
  StepLog log(a.log, header(a, difference), a.resume);
  LiveTable table({{"step", 4, true},
                   {"answer", 7},
                   {"time", 8, true},
                   {"versions beside --from", 40},
                   {"what was found", 20}},
                  std::cout, is_terminal());
  VersionSearch search(difference, check);
  log.for_each_earlier([&](const json& step) { search.remember(step); });
  std::size_t number = 0;
  search.starting = [&](const VersionStep& step) {
    throw_if_interrupted();
    table.now(fmt::format("testing {}", step.what));
  };
  search.done = [&](const VersionStep& step, const json& measured) {
    if (!step.from_log) log.append(log_entry(step, measured));
    table.row({std::to_string(++number), std::string(name_of(step.answer)),
               step.from_log ? "log" : duration_text(step.wall_s), step.what, step.detail});
  };
  const VersionFinding finding = search.run();

  Result result;
  result.command = "bisect versions";
  result.outcome = finding.outcome;
  describe_finding(finding, a, result);
  ResultTable steps{"Steps", {"answer", "time", "versions beside --from", "what was found"}, {}};
  json all = json::array();
  double wall_s = 0;
  for (const VersionStep& step : search.steps()) {
    steps.rows.push_back(
        {std::string(name_of(step.answer)), duration_text(step.wall_s), step.what, step.detail});
    all.push_back({{"what", step.what},
                   {"kernels", step.kernels},
                   {"answer", name_of(step.answer)},
                   {"detail", step.detail},
                   {"wall_s", step.wall_s},
                   {"command", check.command(step.kernels)}});
    wall_s += step.wall_s;
  }
  result.tables.push_back(std::move(steps));
  result.facts.emplace_back("from", a.from);
  result.facts.emplace_back("to", a.to);
  result.facts.emplace_back("tests", fmt::format("{} in {}", all.size(), duration_text(wall_s)));
  result.replay.push_back(check.command(
      spec_of(finding.pins.empty() ? difference.to() : difference.with_pins(finding.pins))));
  const std::string of_from = check.command(spec_of(difference.from()));
  if (!of_from.empty()) result.replay.push_back(of_from);
  json pins = json::array();
  for (const Pin& pin : finding.pins) pins.push_back({{"op", pin.op}, {"version", pin.version}});
  result.details = {{"pins", pins}, {"one_minimal", finding.doubtful.empty()}, {"from", a.from},
                    {"to", a.to},   {"rest", name_of(finding.rest)},           {"steps", all}};
  return result;
}

Outcome run(const Arguments& a) {
  check_places(a.json_file, a.markdown_file);
  const KernelDifference difference(orders_of(a.from), orders_of(a.to));
  Result result;
  if (difference.ops().empty()) {
    result.command = "bisect versions";
    result.outcome = Outcome::kNotReproducible;
    result.headline = fmt::format("'{}' and '{}' are the same set of kernels", a.from, a.to);
  } else {
    const auto check = make_version_check(a.question, spec_of(difference.from()));
    result = a.dry_run ? dry_run(difference, *check) : search(a, difference, *check);
  }
  std::cout << "\n" << to_markdown(result);
  write_result(result, a.json_file, a.markdown_file);
  return result.outcome;
}

// "3%", "0.03"
std::optional<double> parse_share(const std::string& text) {
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  if (unit == "%") value /= 100;
  if (end == text.c_str() || !(unit.empty() || unit == "%") || !(value > 0 && value < 1e6)) {
    throw InputError("--least is '" + text + "'; it must be a share such as 3% or 0.03");
  }
  return value;
}

}  // namespace

void add_versions_command(CLI::App& app, Outcome& outcome) {
  auto a = std::make_shared<Arguments>();
  auto least = std::make_shared<std::string>();
  auto timeout_s = std::make_shared<double>(0);
  CLI::App* command = app.add_subcommand(
      "versions",
      "Finds, in one build, the smallest set of kernel versions that makes it fail, err or slow");
  command->footer(
      "Arguments after -- go to verify (--metric status, error) or sweep (--metric time). A check "
      "is a "
      "command of the shell that runs with ASSAY_KERNELS set: exit code 0 is good, 125 unclear, 1 "
      "to "
      "124, 126 and 127 bad, and from 128 on the search ends.");
  const fs::path programs = fs::read_symlink("/proc/self/exe").parent_path();
  a->question.verify = programs / "verify";
  a->question.sweep = programs / "sweep";
  a->question.metric = "status";
  command->add_option("--from", a->from, "Kernel set that is good")->capture_default_str();
  command->add_option("--to", a->to, "Kernel set that is bad")->capture_default_str();
  auto* check =
      command->add_option("--check", a->question.check, "Command that tells good from bad");
  auto* metric = command->add_option("--metric", a->question.metric, "status, error or time")
                     ->capture_default_str()
                     ->excludes(check);
  auto* cases = command
                    ->add_option("--case", a->question.cases,
                                 "Regular expression: tests of layers and generations, or rows")
                    ->excludes(check);
  command->add_option("--gtest_filter", a->question.filter, "The tests in GoogleTest's form")
      ->excludes(check)
      ->excludes(cases);
  command->add_option("--least", *least, "Least effect that counts [time: 3%, rms_err: 50%]")
      ->excludes(check);
  command->add_option("--timeout", *timeout_s, "Seconds that one run may take; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--verify", a->question.verify, "The program")->capture_default_str();
  command->add_option("--sweep", a->question.sweep, "The program")->capture_default_str();
  command->add_option("--log", a->log, "The steps, one JSON object a line")->capture_default_str();
  command->add_flag("--resume", a->resume, "Go on from the log");
  command->add_flag("--dry-run", a->dry_run, "Say what differs, how many tests and how long");
  command->add_option("--json", a->json_file, "Write the result as JSON");
  command->add_option("--markdown", a->markdown_file, "Write the result as Markdown");
  command->add_option("arguments", a->question.extra, "After --: more arguments of verify or sweep")
      ->excludes(check);
  command->callback([=, &outcome] {
    if (metric->count() > 0 && a->question.metric == "time" && !a->question.filter.empty()) {
      throw InputError("--gtest_filter is for verify; with --metric time use --case");
    }
    a->question.least = parse_share(*least);
    if (*timeout_s > 0) a->question.timeout_s = *timeout_s;
    outcome = run(*a);
  });
}

}  // namespace assay::bisect
