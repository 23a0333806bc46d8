#include "ci/bisect/time_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ci/bisect/process.h"
#include "ci/bisect/scratch_folder.h"
#include "ci/bisect/series.h"
#include "kernels/device/error.h"
#include "reports/identity.h"
#include "reports/reader.h"
#include "reports/samples.h"
#include "reports/writer.h"

namespace assay::bisect {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using reports::TimeComparison;
using reports::TimeVerdict;

constexpr int MOST_ROUNDS = 16;

void add_thinned(std::vector<double>& all, const std::vector<double>& taken, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) all.push_back(taken[i * taken.size() / count]);
}

class TimeCheck final : public VersionCheck {
 public:
  TimeCheck(const VersionQuestion& question, std::string from)
      : question_(question), from_(std::move(from)) {
    if (question.least) settings_.least = *question.least;
  }

  json measure(const std::string& kernels) override {
    if (kernels == from_) return {{"rows", json::object()}};  // it is what others are held against
    const PairedRows rows = measure_in_rounds(
        [&](bool flipped) { return run_both(kernels, flipped); },
        [&](const PairedRows& so_far) { return verdict_of(so_far).answer != Answer::kUnclear; });
    json measured = {{"rows", json::object()}};
    for (const auto& [key, samples] : rows) {
      measured["rows"][key] = {{"from", samples.from}, {"it", samples.it}};
    }
    return measured;
  }

  Ends set_ends(const json& /*from*/, const json& to) override {
    const Judged judged = judge(to);
    for (const auto& [key, comparison] : judge_rows(rows_of(to), settings_)) {
      if (comparison.verdict == TimeVerdict::kSlower)
        thresholds_[key] = comparison.ratio.estimate / 2;
    }
    if (!thresholds_.empty()) return {Outcome::kFound, judged.detail};
    return {judged.answer == Answer::kUnclear ? Outcome::kUnclear : Outcome::kNotReproducible,
            judged.detail, Answer::kGood, judged.answer};
  }

  Judged judge(const json& measured) const override { return verdict_of(rows_of(measured)); }

  std::string command(const std::string& kernels) const override {
    return kernels == from_ ? "" : command_line(arguments(from_, kernels, "versions.csv"));
  }

 private:
  static PairedRows rows_of(const json& measured) {
    PairedRows rows;
    for (const auto& [key, samples] : measured.at("rows").items()) {
      rows[key] = {samples.at("from").get<std::vector<double>>(),
                   samples.at("it").get<std::vector<double>>()};
    }
    return rows;
  }

  // Bad where a row that is slower with --to is slower by half as much or more; before that is
  // known, where any row is. A row that says so is shown, the one that changed most.
  Judged verdict_of(const PairedRows& rows) const {
    if (rows.empty()) return {Answer::kGood, "the set that others are held against"};
    Judged judged{Answer::kGood, ""};
    double most = 0;
    for (const auto& [key, row] : judge_rows(rows, settings_)) {
      if (!thresholds_.empty() && !thresholds_.contains(key)) continue;
      const Answer answer = answer_of(key, row);
      const bool more = row.change() > most || judged.detail.empty();
      if (weight(answer) < weight(judged.answer) || (answer == judged.answer && !more)) continue;
      judged.answer = answer;
      most = row.change();
      judged.detail =
          fmt::format("{} {} ({} to {}), n={}{}", key, reports::percent(row.change()),
                      reports::percent(row.change_low()), reports::percent(row.change_high()),
                      row.current_samples,
                      answer == Answer::kUnclear && !row.why.empty() ? ": " + row.why : "");
    }
    return judged;
  }

  static int weight(Answer answer) {
    return answer == Answer::kBad ? 2 : answer == Answer::kUnclear ? 1 : 0;
  }

  Answer answer_of(const std::string& key, const TimeComparison& row) const {
    if (!thresholds_.empty()) {
      const Verdict verdict = hold_against(row, thresholds_.at(key), settings_);
      return verdict == Verdict::kBad    ? Answer::kBad
             : verdict == Verdict::kGood ? Answer::kGood
                                         : Answer::kUnclear;
    }
    if (row.verdict == TimeVerdict::kUnclear) return Answer::kUnclear;
    return row.verdict == TimeVerdict::kSlower ? Answer::kBad : Answer::kGood;
  }

  std::vector<std::string> arguments(const std::string& first, const std::string& second,
                                     const fs::path& csv) const {
    std::vector<std::string> argv{question_.sweep.string(),
                                  "--level",
                                  "model",
                                  "--kernels",
                                  first,
                                  "--kernels",
                                  second,
                                  "--csv",
                                  csv.string()};
    if (!question_.cases.empty()) argv.push_back("--benchmark_filter=" + question_.cases);
    argv.insert(argv.end(), question_.extra.begin(), question_.extra.end());
    return argv;
  }

  PairedRows run_both(const std::string& kernels, bool flipped) {
    const fs::path csv = folder_.path() / fmt::format("sweep-{}.csv", runs_++);
    Process process{arguments(flipped ? kernels : from_, flipped ? from_ : kernels, csv)};
    process.timeout_s = question_.timeout_s;
    const ProcessResult result = run_process(process);
    if (!result.ok()) {
      throw InputError(
          fmt::format("sweep ended with {}{}: a set that it cannot time is for --metric "
                      "status\n{}\n  {}",
                      result.exit_code, result.timed_out ? " (--timeout)" : "",
                      last_lines(result.err, 3), command_line(process.argv)));
    }
    const reports::Report report = reports::read_report(csv);
    const reports::Samples samples = reports::read_samples(reports::samples_path(csv));
    PairedRows rows;
    for (const reports::Row& row : report.rows) {
      const std::vector<double>* taken =
          samples.find(row.text("run_id"), reports::make_row_id(row));
      if (taken == nullptr || taken->empty()) continue;
      const std::string key =
          fmt::format("{}{} {}", row.text("case_id"),
                      row.text("op").empty() ? "" : " " + row.text("op"), row.text("dtype"));
      const std::string& set = row.text("kernel_set");
      if (set == from_) rows[key].from = *taken;
      if (set == kernels) rows[key].it = *taken;
    }
    std::erase_if(rows,
                  [](const auto& row) { return row.second.from.empty() || row.second.it.empty(); });
    if (rows.empty()) {
      throw InputError(
          fmt::format("sweep timed nothing with both sets: {}", command_line(process.argv)));
    }
    return rows;
  }

  const VersionQuestion& question_;
  std::string from_;
  reports::JudgeSettings settings_;
  ScratchFolder folder_{"bisect-times"};
  // Natural logarithm, of each row that is slower with --to: what makes a set bad.
  std::map<std::string, double> thresholds_;
  int runs_ = 0;
};

}  // namespace

std::map<std::string, TimeComparison> judge_rows(const PairedRows& rows,
                                                 const reports::JudgeSettings& settings) {
  std::map<std::string, TimeComparison> compared;
  for (const auto& [key, row] : rows) {
    compared[key] = reports::measure(reports::examine(row.from, settings.log_least()),
                                     reports::examine(row.it, settings.log_least()), settings);
  }
  std::vector<TimeComparison*> pointers;
  for (auto& [key, comparison] : compared) pointers.push_back(&comparison);
  reports::judge(pointers, settings);
  return compared;
}

PairedRows measure_in_rounds(const std::function<PairedRows(bool flipped)>& run,
                             const std::function<bool(const PairedRows&)>& enough) {
  PairedRows all;
  for (int round = 1; round <= MOST_ROUNDS; ++round) {
    for (const auto& [key, taken] : run(round % 2 == 0)) {
      const std::size_t count = std::min({SAMPLES_PER_ROUND, taken.from.size(), taken.it.size()});
      add_thinned(all[key].from, taken.from, count);
      add_thinned(all[key].it, taken.it, count);
    }
    const bool look = round >= 2 && (round & (round - 1)) == 0;
    if (look && enough(all)) break;
  }
  return all;
}

std::unique_ptr<VersionCheck> make_time_check(const VersionQuestion& question,
                                              const std::string& from) {
  return std::make_unique<TimeCheck>(question, from);
}

}  // namespace assay::bisect
