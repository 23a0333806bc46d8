#include "ci/bisect/real_lab.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "ci/bisect/process.h"
#include "kernels/device/error.h"
#include "reports/compare.h"
#include "reports/writer.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;

// What Google Benchmark adds to the names that sweep gives.
constexpr std::string_view BENCHMARK_SUFFIX = "/iterations:";

// "suite.\n  test\n  test" as GoogleTest lists them: suite.test
std::vector<std::string> listed_tests(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  std::string suite;
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find("  #"));
    if (line.starts_with("  ")) {
      names.push_back(suite + line.substr(2));
    } else if (line.ends_with('.')) {
      suite = line;
    }
  }
  return names;
}

std::vector<std::string> listed_benchmarks(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (const std::size_t at = line.find(BENCHMARK_SUFFIX); at != std::string::npos)
      names.push_back(line.substr(0, at));
  }
  return names;
}

// The spellings of one kernel case: of the test, of the benchmark, and of the row in a report. So
// an expression that was copied out of any of them finds it.
std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> all = {name};
  const std::size_t dot = name.find('.');
  const std::size_t slash = name.find('/');
  if (dot != std::string::npos && dot < slash && slash != std::string::npos) {
    // op.version/rest
    const std::string row = name.substr(0, dot) + name.substr(slash);
    const std::string version = name.substr(dot + 1, slash - dot - 1);
    all.push_back(row + " " + version);
    all.push_back(row + "/" + version);
  } else if (const std::size_t last = name.rfind('/'); last != std::string::npos && slash < last) {
    // op/rest/version
    const std::string version = name.substr(last + 1);
    all.push_back(name.substr(0, last) + " " + version);
    all.push_back(name.substr(0, slash) + "." + version + name.substr(slash, last - slash));
  }
  return all;
}

// A filter of GoogleTest that is these names. What has a meaning in one is left to any character.
std::string test_filter(const std::vector<std::string>& names) {
  std::string filter;
  for (std::string name : names) {
    for (char& c : name)
      if (c == '*' || c == ':' || c == '-') c = '?';
    filter += (filter.empty() ? "" : ":") + name;
  }
  return filter;
}

std::string benchmark_filter(const std::vector<std::string>& names) {
  std::string filter;
  for (const std::string& name : names) {
    filter += filter.empty() ? "^(" : "|";
    for (const char c : name) {
      if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) filter += '\\';
      filter += c;
    }
  }
  return filter + ")" + std::string(BENCHMARK_SUFFIX);
}

// Ceilings, LibTorch's time and energy take longer than a case, and a bisection uses none of them.
// Older commits know the second variable alone.
std::vector<std::pair<std::string, std::string>> times_only() {
  return {{"ASSAY_TIMES_ONLY", "1"}, {"ASSAY_CEILINGS", "0"}};
}

// Which of two such rows is which nobody can tell: such a report is as good as none.
Observed refuse_same_keys(Observed observed) {
  std::set<std::string> keys;
  for (const Observation& row : observed.rows) {
    if (keys.insert(row.key).second) continue;
    return {.problem = fmt::format("two rows are '{}': {} are all that tells rows apart; narrow "
                                   "--case, or give the rows other names",
                                   row.key, key_columns()),
            .wall_s = observed.wall_s};
  }
  return observed;
}

std::string op_of(const std::string& name) { return name.substr(0, name.find_first_of("./")); }

}  // namespace

std::string program_of(Metric metric) { return metric == Metric::kTime ? "sweep" : "verify"; }

RealLab::RealLab(const Repository& repository, const WorkFolder& work, BuildStore& builds,
                 RunPlan plan)
    : repository_(repository),
      work_(work),
      builds_(builds),
      plan_(std::move(plan)),
      matches_(reports::matcher(plan_.case_expression, "--case")) {}

Built RealLab::build(const std::string& commit) {
  const Build build = builds_.get(commit);
  known_[commit] = build;
  Built built{commit, build.ok, build.problem, build.cached, build.wall_s, ""};
  if (build.ok) built.code = code_for_case(build, commit);
  return built;
}

std::string RealLab::code_for_case(const Build& build, const std::string& commit) {
  if (build.code.empty()) return "";
  const Names& names = names_of(commit);
  if (names.all.empty()) return "";
  std::set<std::string> ops;
  for (const std::string& name : names.all) ops.insert(op_of(name));
  // Which LibTorch it was held against, and which cases there are: neither is in any object file.
  std::string text = repository_.id_of(commit, "ci/libtorch.version");
  for (const std::string& name : names.all) text += "\n" + name;
  for (const std::string& op : ops) {
    text += "\n" + code_of_op(build.code, op);
    const bool is_kernel_case = std::ranges::any_of(build.code, [&](const auto& entry) {
      return entry.first.find("assay_kernels.dir/" + op + "/") != std::string::npos;
    });
    if (is_kernel_case) continue;
    text += "\n" + data_of(commit);
  }
  return repository_.hash(text);
}

std::string RealLab::data_of(const std::string& commit) const {
  return repository_.id_of(commit, "suites/golden") + "\n" +
         repository_.id_of(commit, "reference/checkpoint");
}

std::string RealLab::program_id(const Build& build, const std::string& commit) const {
  if (build.code.empty()) return commit;
  std::string text = data_of(commit);
  for (const auto& [path, object] : build.code) text += fmt::format("\n{} {}", path, object.hash);
  return repository_.hash(text);
}

const RealLab::Names& RealLab::names_of(const std::string& commit) {
  const Build& build = known_.at(commit);
  const std::string id = program_id(build, commit);
  if (const auto found = names_.find(id); found != names_.end()) return found->second;
  const std::string program = program_of(plan_.metric);
  std::vector<std::string> argv = {(build.bin / program).string()};
  argv.insert(argv.end(), plan_.arguments.begin(), plan_.arguments.end());
  if (program == "sweep") {
    argv.insert(argv.end(),
                {"--csv", (work_.scratch() / fmt::format("list-{}.csv", ++runs_)).string(),
                 "--benchmark_list_tests=true"});
  } else {
    argv.push_back("--gtest_list_tests");
  }
  Names names;
  const ProcessResult result = run_process({.argv = argv,
                                            .cwd = work_.scratch(),
                                            .environment = times_only(),
                                            .timeout_s = plan_.timeout_s});
  if (!result.ok()) {
    names.problem = fmt::format("{} did not list its cases: exit code {}: {}", program,
                                result.exit_code, last_lines(result.err + result.out, 1));
  } else {
    for (const std::string& name :
         program == "sweep" ? listed_benchmarks(result.out) : listed_tests(result.out)) {
      const auto all = spellings(name);
      if (std::ranges::any_of(all, matches_)) names.all.push_back(name);
    }
    if (names.all.empty()) {
      names.problem =
          fmt::format("{} has no case that '{}' is found in", program, plan_.case_expression);
    }
  }
  return names_[id] = names;
}

Observed RealLab::run(const Built& built, const std::set<std::string>& keys) {
  const Build& build = known_.at(built.commit);
  const fs::path csv = work_.scratch() / "runs" / fmt::format("{}.csv", ++runs_);
  if (!plan_.command.empty()) {
    Observed observed = run_program({"sh", "-c", plan_.command}, csv,
                                    {{"ASSAY_BIN", build.bin.string()},
                                     {"ASSAY_CSV", csv.string()},
                                     {"ASSAY_CASE", plan_.case_expression}});
    keep_rows_of_the_case(observed);
    return refuse_same_keys(std::move(observed));
  }
  const Names& names = names_of(built.commit);
  if (names.all.empty()) return {.problem = names.problem};
  builds_.provide_data(build, built.commit);
  const bool sweep = plan_.metric == Metric::kTime;
  std::vector<std::string> wanted = names.all;
  if (sweep && !keys.empty()) {
    std::vector<std::string> fewer;
    for (const std::string& key : keys) {
      const auto name = name_of_key_.find(key);
      if (name != name_of_key_.end() && std::ranges::count(names.all, name->second) == 1)
        fewer.push_back(name->second);
    }
    if (fewer.size() == keys.size()) wanted = fewer;
  }
  std::vector<std::string> argv = {(build.bin / program_of(plan_.metric)).string(), "--csv",
                                   csv.string()};
  argv.insert(argv.end(), plan_.arguments.begin(), plan_.arguments.end());
  if (const fs::path table = build.bin / "kernel_resources.json"; !sweep && fs::exists(table))
    argv.insert(argv.end(), {"--resources", table.string()});
  argv.push_back(sweep ? "--benchmark_filter=" + benchmark_filter(wanted)
                       : "--gtest_filter=" + test_filter(wanted));
  Observed observed = run_program(argv, csv, times_only());
  if (sweep && observed.rows.size() == wanted.size()) {
    // One row for each benchmark, in their order.
    for (std::size_t i = 0; i < wanted.size(); ++i) name_of_key_[observed.rows[i].key] = wanted[i];
  }
  return refuse_same_keys(std::move(observed));
}

// A command need not choose its cases itself.
void RealLab::keep_rows_of_the_case(Observed& observed) const {
  std::string others;
  const std::size_t written = std::erase_if(observed.rows, [&](const Observation& row) {
    const std::string name(row.text("case_id"));
    const std::string version(row.text("version"));
    const std::string names[] = {name, name + " " + version, name + "/" + version, row.key};
    if (std::ranges::any_of(names, matches_)) return false;
    if (others.size() < 200) others += (others.empty() ? "" : ", ") + name;
    return true;
  });
  if (written > 0 && observed.rows.empty() && observed.problem.empty()) {
    observed.problem =
        fmt::format("no row that '{}' is found in; there are {}", plan_.case_expression, others);
  }
}

Observed RealLab::run_program(const std::vector<std::string>& argv, const fs::path& csv,
                              std::vector<std::pair<std::string, std::string>> environment) {
  environment.push_back(work_.mark());
  const ProcessResult result = run_process({.argv = argv,
                                            .cwd = work_.scratch(),
                                            .environment = std::move(environment),
                                            .timeout_s = plan_.timeout_s});
  Observed observed;
  observed.wall_s = result.wall_s;
  // verify and sweep exit with 1 where a case failed, with 2 where they were called wrongly, with 3
  // where something else threw, which tells nothing of the case; a signal does.
  if (result.timed_out) {
    observed.ending = TIME_LIMIT;
  } else if (result.exit_code >= 128) {
    observed.ending = fmt::format("signal {}", result.exit_code - 128);
  }
  if (fs::exists(csv)) {
    try {
      observed.rows = read_observations(csv);
    } catch (const InputError& error) {
      observed = {.problem = error.what(), .wall_s = result.wall_s};
    }
    fs::remove(csv);
    fs::remove(reports::samples_path(csv));
  }
  if (result.exit_code == 2 || (observed.rows.empty() && observed.problem.empty())) {
    observed.problem =
        result.timed_out ? fmt::format("not done within {:.0f} s", plan_.timeout_s)
                         : fmt::format("exit code {}: {}", result.exit_code,
                                       last_lines(result.err.empty() ? result.out : result.err, 1));
  }
  return observed;
}

}  // namespace assay::bisect
