#include "ci/bisect/version_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "ci/bisect/process.h"
#include "ci/bisect/scratch_folder.h"
#include "ci/bisect/time_check.h"
#include "kernels/device/error.h"
#include "reports/compare.h"
#include "reports/reader.h"

namespace assay::bisect {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr double LEAST_ERROR_GROWTH = 0.5;
constexpr const char* OUT_OF_TIME = "verify ran into --timeout";  // among what fails

// A command of the shell, as git bisect run would have it.
class CommandCheck final : public VersionCheck {
 public:
  explicit CommandCheck(const VersionQuestion& question) : question_(question) {}

  json measure(const std::string& kernels) override {
    Process process{{"sh", "-c", question_.check}};
    process.environment = {{"ASSAY_KERNELS", kernels}};
    process.timeout_s = question_.timeout_s;
    const ProcessResult result = run_process(process);
    if (result.timed_out) {
      throw InputError(
          fmt::format("the check took longer than {} s with ASSAY_KERNELS={}; raise "
                      "--timeout, or let the check say what that means",
                      *question_.timeout_s, kernels));
    }
    judge_exit_code(result.exit_code);  // refuses what is no answer, before it is in the log
    if ((result.exit_code == 126 || result.exit_code == 127) && !ran_) {
      throw InputError(fmt::format("the check cannot be run (exit code {}): {}\n{}",
                                   result.exit_code, question_.check, last_lines(result.err, 3)));
    }
    ran_ = true;
    return {{"exit_code", result.exit_code}};
  }

  Ends set_ends(const json& from, const json& to) override {
    const Answer good = judge(from).answer;
    const Answer bad = judge(to).answer;
    if (good == Answer::kUnclear || bad == Answer::kUnclear) {
      const char* const end = good == Answer::kUnclear ? "from" : "to";
      return {Outcome::kUnclear, fmt::format("the check is unclear (125) about --{}", end), good,
              bad};
    }
    if (good == Answer::kBad) {
      return {Outcome::kNotReproducible, "the check calls --from bad", good, bad};
    }
    if (bad == Answer::kGood) {
      return {Outcome::kNotReproducible, "the check calls --to good", good, bad};
    }
    return {Outcome::kFound, "the check tells them apart"};
  }

  Judged judge(const json& measured) const override {
    return judge_exit_code(measured.at("exit_code").get<int>());
  }

  std::string command(const std::string& kernels) const override {
    return command_line({"env", "ASSAY_KERNELS=" + kernels, "sh", "-c", question_.check});
  }

 private:
  const VersionQuestion& question_;
  bool ran_ = false;
};

// Tests of verify's model levels. Kernel sets reach those alone: a kernel's own tests name
// versions.
class VerifyCheck : public VersionCheck {
 public:
  explicit VerifyCheck(const VersionQuestion& question) : question_(question) {}

  json measure(const std::string& kernels) override {
    if (filter_.empty()) filter_ = find_filter();
    const fs::path csv = folder_.path() / fmt::format("verify-{}.csv", runs_++);
    std::vector<std::string> argv = arguments(kernels);
    argv.insert(argv.end(),
                {"--csv", csv.string(), "--repro", (folder_.path() / "repro").string()});
    Process process{argv};
    process.timeout_s = question_.timeout_s;
    const ProcessResult result = run_process(process);
    if (result.exit_code == 2) {
      throw InputError(
          fmt::format("verify refuses: {}\n  {}", last_lines(result.err, 3), command_line(argv)));
    }
    json measured = {{"exit_code", result.exit_code},
                     {"rows", 0},
                     {"failing", json::array()},
                     {"rms_err", json::object()}};
    std::set<std::string> failing;
    if (fs::exists(csv)) read_rows(csv, measured, failing);
    if (result.timed_out) failing.insert(OUT_OF_TIME);
    if (!result.ok() && failing.empty()) {
      failing.insert(fmt::format("verify ended with {}", result.exit_code));
    }
    measured["failing"] = failing;
    return measured;
  }

  std::string command(const std::string& kernels) const override {
    return command_line(arguments(kernels));
  }

 protected:
  const VersionQuestion& question() const { return question_; }

 private:
  std::vector<std::string> arguments(const std::string& kernels) const {
    std::vector<std::string> argv{question_.verify.string()};
    argv.insert(argv.end(), question_.extra.begin(), question_.extra.end());
    if (kernels != "best") argv.insert(argv.end(), {"--kernels", kernels});
    argv.push_back("--gtest_filter=" + filter_);
    return argv;
  }

  // Tests of the set `best`, on which the pins are put: with all of them, those of `baseline` are
  // the same.
  std::string find_filter() const {
    if (!question_.filter.empty()) {
      const bool negative = question_.filter.find('-') != std::string::npos;
      return question_.filter + (negative ? ":" : "-") + "*/baseline";
    }
    if (question_.cases.empty()) return "layer.*:generation.*-*/baseline";
    const auto matches = reports::matcher(question_.cases, "--case");
    std::vector<std::string> argv{question_.verify.string()};
    argv.insert(argv.end(), question_.extra.begin(), question_.extra.end());
    argv.emplace_back("--gtest_list_tests");
    const ProcessResult list = run_process({argv});
    if (!list.ok()) {
      throw InputError(fmt::format("{}: {}", command_line(argv), last_lines(list.err, 3)));
    }
    std::istringstream lines(list.out);
    std::string suite;
    std::string filter;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("  ")) {
        suite = line;
        continue;
      }
      const std::string name = suite + line.substr(2, line.find("  #") - 2);
      const bool of_models = suite == "layer." || suite == "generation.";
      if (!of_models || name.ends_with("/baseline") || !matches(name)) continue;
      filter += (filter.empty() ? "" : ":") + name;
    }
    if (filter.empty()) {
      throw InputError(
          fmt::format("--case '{}' matches no test of layers or generations; {} lists "
                      "them",
                      question_.cases, command_line(argv)));
    }
    return filter;
  }

  static void read_rows(const fs::path& csv, json& measured, std::set<std::string>& failing) {
    const reports::Report report = reports::read_report(csv);
    for (const reports::Row& row : report.rows) {
      // A test that ended without a row of its own has one by its name, which needs no more.
      const std::string key =
          row.text("op").empty()
              ? row.text("case_id")
              : fmt::format("{}.{} {}", row.text("suite"), row.text("op"), row.text("case_id"));
      const std::string& status = row.text("status");
      if (status != "PASS" && status != "SKIP") failing.insert(key);
      const std::optional<double> error = row.real("rms_err");
      // JSON has no NaN: null stands for an error that is no number.
      if (error) measured["rms_err"][key] = std::isfinite(*error) ? json(*error) : json();
    }
    measured["rows"] = report.rows.size();
  }

  const VersionQuestion& question_;
  ScratchFolder folder_{"bisect-versions"};
  std::string filter_;
  int runs_ = 0;
};

std::string few(const std::vector<std::string>& names) {
  if (names.empty()) return "";
  return names.front() + (names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "");
}

using Failing = std::vector<std::string>;

bool out_of_time(const Failing& failing) { return std::ranges::count(failing, OUT_OF_TIME) > 0; }

VersionCheck::Ends unclear_for_want_of_time(const char* end) {
  return {Outcome::kUnclear,
          fmt::format("{} with {}, which says nothing of its tests; raise it", OUT_OF_TIME, end),
          Answer::kUnclear, Answer::kUnclear};
}

class StatusCheck final : public VerifyCheck {
 public:
  using VerifyCheck::VerifyCheck;

  Ends set_ends(const json& from, const json& to) override {
    const auto of_from = from.at("failing").get<Failing>();
    const auto of_to = to.at("failing").get<Failing>();
    if (out_of_time(of_from)) return unclear_for_want_of_time("--from");
    if (!of_from.empty()) {
      return {Outcome::kNotReproducible,
              fmt::format("--from fails itself: {}. Choose tests that it passes", few(of_from)),
              Answer::kBad, of_to.empty() ? Answer::kGood : Answer::kBad};
    }
    if (of_to.empty()) {
      return {Outcome::kNotReproducible,
              fmt::format("--to passes all {} rows", to.at("rows").get<int>()), Answer::kGood,
              Answer::kGood};
    }
    focus_ = {of_to.begin(), of_to.end()};
    return {Outcome::kFound, fmt::format("{} fails with --to and passes with --from", few(of_to))};
  }

  Judged judge(const json& measured) const override {
    const auto failing = measured.at("failing").get<Failing>();
    if (failing.empty()) {
      return {Answer::kGood, fmt::format("{} rows pass", measured.at("rows").get<int>())};
    }
    std::vector<std::string> same;
    for (const std::string& row : failing) {
      if (focus_.contains(row)) same.push_back(row);
    }
    if (!same.empty()) return {Answer::kBad, "fails: " + few(same)};
    return {Answer::kUnclear, "fails elsewhere than --to does: " + few(failing)};
  }

 private:
  std::set<std::string> focus_;  // rows that --to fails
};

class ErrorCheck final : public VerifyCheck {
 public:
  using VerifyCheck::VerifyCheck;

  Ends set_ends(const json& from, const json& to) override {
    const auto failing = from.at("failing").get<Failing>();
    if (out_of_time(failing)) return unclear_for_want_of_time("--from");
    if (out_of_time(to.at("failing").get<Failing>())) return unclear_for_want_of_time("--to");
    if (!failing.empty()) {
      return {Outcome::kNotReproducible, "--from fails itself: " + few(failing), Answer::kBad,
              Answer::kUnclear};
    }
    base_ = errors_of(from);
    for (const auto& [row, error] : base_) focus_.insert(row);
    const std::vector<std::string> grown = worse_rows(to);
    focus_ = {grown.begin(), grown.end()};
    if (grown.empty()) {
      return {Outcome::kNotReproducible,
              fmt::format("no row's rms_err grows by more than {:.0f} % from --from to --to",
                          least() * 100),
              Answer::kGood, Answer::kGood};
    }
    return {Outcome::kFound, describe(to, grown)};
  }

  Judged judge(const json& measured) const override {
    const std::vector<std::string> grown = worse_rows(measured);
    if (!grown.empty()) return {Answer::kBad, describe(measured, grown)};
    if (out_of_time(measured.at("failing").get<Failing>())) return {Answer::kUnclear, OUT_OF_TIME};
    for (const std::string& row : focus_) {
      if (!measured.at("rms_err").contains(row)) return {Answer::kUnclear, row + " has no error"};
    }
    return {Answer::kGood, "rms_err as with --from"};
  }

 private:
  using Errors = std::map<std::string, double>;

  // Infinite for one that is no number.
  static Errors errors_of(const json& measured) {
    Errors errors;
    for (const auto& [row, error] : measured.at("rms_err").items())
      errors[row] = error.is_null() ? INFINITY : error.get<double>();
    return errors;
  }

  double least() const { return question().least.value_or(LEAST_ERROR_GROWTH); }

  std::vector<std::string> worse_rows(const json& measured) const {
    std::vector<std::string> rows;
    const Errors errors = errors_of(measured);
    for (const std::string& row : focus_) {
      const auto error = errors.find(row);
      if (error != errors.end() && error->second > base_.at(row) * (1 + least()))
        rows.push_back(row);
    }
    return rows;
  }

  std::string describe(const json& measured, const std::vector<std::string>& rows) const {
    const Errors errors = errors_of(measured);
    const auto factor = [&](const std::string& row) { return errors.at(row) / base_.at(row); };
    const std::string& worst = *std::ranges::max_element(rows, {}, factor);
    return fmt::format("rms_err of {} grows {:.3g}-fold{}", worst, factor(worst),
                       rows.size() > 1 ? fmt::format(", {} more rows' too", rows.size() - 1) : "");
  }

  Errors base_;
  std::set<std::string> focus_;  // rows whose error grows with --to
};

}  // namespace

VersionCheck::Judged judge_exit_code(int exit_code) {
  if (exit_code == 0) return {Answer::kGood, "exit code 0"};
  if (exit_code == 125) return {Answer::kUnclear, "exit code 125"};
  if (exit_code > 0 && exit_code < 128)
    return {Answer::kBad, fmt::format("exit code {}", exit_code)};
  throw InputError(fmt::format(
      "the check ended with {}: like git bisect run, a search ends there, as it may be "
      "Ctrl-C or the check itself that broke. If it is the failure that is looked for, "
      "let the check say so: --check '... || exit 1'",
      exit_code > 128 ? fmt::format("exit code {} (signal {})", exit_code, exit_code - 128)
                      : fmt::format("exit code {}", exit_code)));
}

std::unique_ptr<VersionCheck> make_version_check(const VersionQuestion& question,
                                                 const std::string& from) {
  if (!question.check.empty()) return std::make_unique<CommandCheck>(question);
  if (question.metric == "status") return std::make_unique<StatusCheck>(question);
  if (question.metric == "error") return std::make_unique<ErrorCheck>(question);
  if (question.metric == "time") return make_time_check(question, from);
  throw InputError("--metric is '" + question.metric + "'; it must be status, error or time");
}

}  // namespace assay::bisect
