#include "ci/bisect/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

#include "ci/bisect/process.h"
#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

using nlohmann::json;

Walk::Answer answer_of(Verdict verdict) {
  if (verdict == Verdict::kGood) return Walk::Answer::kGood;
  if (verdict == Verdict::kBad) return Walk::Answer::kBad;
  return Walk::Answer::kSkip;
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Same rows, same values of what is watched.
bool alike(const Observed& a, const Observed& b) {
  const auto digest = [](const Observed& o) {
    std::map<std::string, std::string> rows;
    for (const Observation& row : o.rows) {
      rows[row.key] =
          fmt::format("{} {} {}", row.text("status"), row.text("err_ratio"), row.text("rms_err"));
    }
    return rows;
  };
  return digest(a) == digest(b) && a.ending == b.ending;
}

}  // namespace

json to_json(const Step& step) {
  return {{"kind", "step"},
          {"commit", step.commit.sha},
          {"author", step.commit.author},
          {"date", step.commit.date},
          {"subject", step.commit.subject},
          {"verdict", name_of(step.verdict)},
          {"how", step.how},
          {"numbers", step.numbers},
          {"code", step.code},
          {"built", step.built},
          {"build_s", step.build_s},
          {"run_s", step.run_s},
          {"worse", step.worse},
          {"times_us", step.times_us}};
}

std::vector<LiveColumn> step_columns() {
  return {{"step", 6},       {"commit", 10}, {"verdict", 7},  {"build", 10, true},
          {"run", 10, true}, {"how", 22},    {"numbers", 40}, {"subject", 10}};
}

Search::Search(Question question, const Repository& repository, Lab& lab, StepLog& log,
               LiveTable& table, std::filesystem::path walk_folder)
    : question_(std::move(question)),
      repository_(repository),
      lab_(lab),
      log_(log),
      table_(table),
      walk_folder_(std::move(walk_folder)) {}

Result Search::run() {
  const Stopwatch watch;
  Result result{.command = "bisect commits"};
  commits_ = repository_.range(question_.good, question_.bad, question_.first_parent).size();
  alpha_ = alpha_of_a_look(question_, commits_);
  if (compare_ends(result)) {
    Walk walk(repository_, walk_folder_, question_.good, question_.bad, question_.first_parent);
    while (!walk.next().empty()) {
      Step step = judge_commit(walk.next());
      const Verdict verdict = step.verdict;
      add(std::move(step));
      walk.answer(answer_of(verdict));
    }
    conclude(walk, result);
  }
  result.details["wall_s"] = watch.seconds();
  describe(result);
  return result;
}

Built Search::build_end(const std::string& sha, const char* which) {
  table_.now(fmt::format("building the {} end {}", which, sha.substr(0, 10)));
  Built built = lab_.build(sha);
  if (!built.ok) {
    throw InputError(
        fmt::format("the {} end {} does not build here, so that nothing can be held "
                    "against it: {}",
                    which, sha.substr(0, 10), built.problem));
  }
  return built;
}

bool Search::compare_ends(Result& result) {
  for (const bool good : {true, false}) {
    const std::string& sha = good ? question_.good : question_.bad;
    Built& built = good ? good_ : bad_;
    built = build_end(sha, good ? "good" : "bad");
    steps_.push_back({.commit = repository_.describe(sha),
                      .verdict = good ? Verdict::kGood : Verdict::kBad,
                      .how = "end",
                      .code = built.code,
                      .built = !built.cached,
                      .build_s = built.cached ? 0 : built.wall_s});
  }
  if (question_.good == question_.bad || (!good_.code.empty() && good_.code == bad_.code)) {
    result.outcome = Outcome::kNotReproducible;
    result.headline =
        "Not reproducible: all machine code that the case can reach is the same at "
        "both ends.";
    for (Step& step : steps_) step.how = "same machine code";
    return false;
  }
  if (recall_ends()) {
    for (const Step& step : steps_) show(step);
    return true;
  }
  const bool differ = question_.metric == Metric::kTime ? compare_ends_in_time(result)
                                                        : compare_ends_exactly(result);
  for (const Step& step : steps_) show(step);
  if (!differ) return false;
  json line = {{"kind", "ends"}, {"numbers", steps_[1].numbers}};
  if (question_.metric == Metric::kTime) line["time"] = bisect::to_json(ends_);
  for (const Watch& watch : watches_) line["watches"].push_back(bisect::to_json(watch));
  log_.append(line);
  return true;
}

bool Search::recall_ends() {
  bool found = false;
  log_.for_each_earlier([&](const json& line) {
    if (line.at("kind") != "ends") return;
    found = true;
    if (question_.metric == Metric::kTime) {
      ends_ = time_ends_of(line.at("time"));
    } else {
      watches_.clear();
      for (const json& w : line.at("watches")) watches_.push_back(watch_of(w));
      if (watches_.empty()) throw InputError("the ends differ in nothing");
    }
    steps_[1].numbers = line.at("numbers");
  });
  return found;
}

Observed Search::run_repeatedly(const Built& built, const std::set<std::string>& keys,
                                bool& agree) {
  const int times = question_.metric == Metric::kWork ? 1 : question_.repeat;
  Observed first = lab_.run(built, keys);
  agree = true;
  for (int i = 1; i < times && agree; ++i) {
    const Observed again = lab_.run(built, keys);
    first.wall_s += again.wall_s;
    agree = alike(first, again);
  }
  return first;
}

bool Search::compare_ends_exactly(Result& result) {
  std::array<Observed, 2> observed;
  bool steady = true;
  for (const std::size_t end : {0u, 1u}) {
    table_.now(fmt::format("running the {} end", end == 0 ? "good" : "bad"));
    bool agree = true;
    observed[end] = run_repeatedly(end == 0 ? good_ : bad_, {}, agree);
    steps_[end].run_s = observed[end].wall_s;
    steady = steady && agree;
    if (!agree) steps_[end].numbers = "runs of the same build differ";
    const bool nothing = end == 0 && observed[end].rows.empty();
    if (!observed[end].problem.empty() && (observed[end].ending.empty() || nothing)) {
      result.headline = fmt::format("Unclear: the {} end did not run: {}",
                                    end == 0 ? "good" : "bad", observed[end].problem);
      steps_[end].numbers = observed[end].problem;
      return false;
    }
  }
  if (!steady) {
    result.headline =
        "Unclear: the same build gives other results from run to run, so that one run of a commit "
        "does not tell. Narrow --case to what is steady.";
    return false;
  }
  watches_ = find_watches(question_, observed[0], observed[1]);
  const Comparable both = comparable(question_, observed[0], observed[1]);
  if (watches_.empty() && (both.rows == 0 || !both.lost.empty())) {
    result.headline = fmt::format(
        "Unclear: of {} rows at the good end and {} at the bad end, {} have a value of '{}' at "
        "both, "
        "and none of these is worse; {} have one at the good end alone{}{}",
        observed[0].rows.size(), observed[1].rows.size(), both.rows, name_of(question_.metric),
        both.lost.size(), both.lost.empty() ? "" : ", the first ",
        both.lost.empty() ? "" : both.lost.front());
    return false;
  }
  if (watches_.empty()) {
    result.outcome = Outcome::kNotReproducible;
    result.headline =
        fmt::format("Not reproducible: of {} rows none has a worse {} at the bad end, here.",
                    observed[0].rows.size(), name_of(question_.metric));
    return false;
  }
  const Judgement good = judge(question_, watches_, observed[0]);
  const Judgement bad = judge(question_, watches_, observed[1]);
  steps_[0].numbers = good.numbers;
  steps_[1].numbers = bad.numbers;
  steps_[1].worse = bad.worse;
  return true;
}

bool Search::compare_ends_in_time(Result& result) {
  const Stopwatch watch;
  ends_ = time_ends(question_, lab_, good_, bad_, alpha_,
                    [&](const std::string& text) { table_.now("the ends: " + text); });
  steps_[1].run_s = watch.seconds();
  steps_[1].numbers = ends_.numbers;
  if (ends_.state == TimeEnds::State::kDiffer) return true;
  if (ends_.state == TimeEnds::State::kAlike) {
    result.outcome = Outcome::kNotReproducible;
    result.headline = fmt::format(
        "Not reproducible: here the bad end is not slower by {:.2g} %: {}, after {} samples each.",
        question_.least * 100, ends_.numbers, ends_.samples);
  } else {
    result.headline = fmt::format(
        "Unclear: whether the ends differ in time cannot be told here{}{}: "
        "{}, after {} samples each.",
        ends_.key.empty() ? "" : "; ", ends_.key, ends_.numbers, ends_.samples);
  }
  return false;
}

bool Search::recall(const std::string& sha, Step& step) const {
  bool found = false;
  log_.for_each_earlier([&](const json& line) {
    if (line.value("kind", "") != "step" || line.value("commit", "") != sha) return;
    found = true;
    step.verdict = find_verdict(line.at("verdict"));
    step.how = line.at("how");
    step.numbers = line.at("numbers");
    step.code = line.at("code");
    step.built = line.at("built");
    step.build_s = line.at("build_s");
    step.run_s = line.at("run_s");
    step.worse = line.at("worse").get<std::vector<std::string>>();
    step.times_us = line.value("times_us", TimesByName{});
  });
  return found;
}

Step Search::judge_commit(const std::string& sha) {
  Step step{.commit = repository_.describe(sha)};
  if (recall(sha, step)) return step;
  table_.now(fmt::format("building {} {}", step.commit.brief(), step.commit.subject));
  const Built built = lab_.build(sha);
  step.built = !built.cached;
  step.build_s = built.cached ? 0 : built.wall_s;
  step.code = built.code;
  if (!built.ok) {
    step.verdict = Verdict::kUnbuilt;
    step.how = "does not build";
    step.numbers = built.problem;
  } else {
    measure(step, built);
  }
  log_.append(to_json(step));
  return step;
}

void Search::measure(Step& step, const Built& built) {
  for (const Step& other : steps_) {
    const bool clear = other.verdict == Verdict::kGood || other.verdict == Verdict::kBad;
    if (!clear || built.code.empty() || other.code != built.code) continue;
    step.verdict = other.verdict;
    step.how = "code as in " + other.commit.brief();
    step.worse = other.worse;
    return;
  }
  const Stopwatch watch;
  table_.now(fmt::format("running {} {}", step.commit.brief(), step.commit.subject));
  if (question_.metric == Metric::kTime) {
    const TimeVerdict verdict = time_candidate(
        question_, lab_, good_, bad_, built, ends_, alpha_, [&](const std::string& text) {
          table_.now(fmt::format("{}: {}", step.commit.brief(), text));
        });
    step.verdict = verdict.verdict;
    step.how = fmt::format("timed, {} samples", verdict.samples);
    step.numbers = verdict.numbers;
    step.times_us = verdict.times_us;
  } else {
    bool agree = true;
    const Observed observed = run_repeatedly(built, watched_keys(), agree);
    const Judgement judgement = judge(question_, watches_, observed);
    step.verdict = agree ? judgement.verdict : Verdict::kUnclear;
    step.how = observed.ending.empty() ? "run" : "run, ended by " + observed.ending;
    step.numbers = agree ? judgement.numbers : "runs of the same build differ";
    step.worse = judgement.worse;
  }
  step.run_s = watch.seconds();
}

std::set<std::string> Search::watched_keys() const {
  std::set<std::string> keys;
  for (const Watch& watch : watches_) keys.insert(watch.key);
  return keys;
}

void Search::show(const Step& step) {
  const auto number = std::to_string(&step - steps_.data() - 1);
  const bool end = &step - steps_.data() < 2;
  const auto seconds = [](double s) { return s > 0 ? duration_text(s) : std::string("-"); };
  table_.row({end ? (&step == steps_.data() ? "good" : "bad") : number, step.commit.brief(),
              std::string(name_of(step.verdict)), step.built ? seconds(step.build_s) : "cached",
              seconds(step.run_s), step.how, step.numbers, step.commit.subject});
}

void Search::add(Step step) {
  steps_.push_back(std::move(step));
  show(steps_.back());
}

const Step* Search::step_of(const std::string& sha) const {
  const auto found =
      std::ranges::find_if(steps_, [&](const Step& step) { return step.commit.sha == sha; });
  return found == steps_.end() ? nullptr : &*found;
}

}  // namespace assay::bisect
