// bisect versions: planted causes among this library's own kernel sets, and the program as one
// calls it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "ci/bisect/tests/program_test.h"
#include "ci/bisect/time_check.h"
#include "ci/bisect/version_search.h"
#include "kernels/device/error.h"
#include "kernels/op.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Bad where every one of the planted versions is the first that its op tries.
class PlantedCheck final : public VersionCheck {
 public:
  std::vector<Pin> planted;
  std::function<bool(const std::string& kernels)> unclear = [](const std::string&) {
    return false;
  };
  int runs = 0;

  json measure(const std::string& kernels) override {
    ++runs;
    return kernels;
  }
  Ends set_ends(const json& from, const json& to) override {
    const Answer of_from = judge(from).answer;
    const Answer of_to = judge(to).answer;
    const bool differ = of_from == Answer::kGood && of_to == Answer::kBad;
    return {differ ? Outcome::kFound : Outcome::kNotReproducible, "", of_from, of_to};
  }
  Judged judge(const json& measured) const override {
    const std::string kernels = measured.get<std::string>();
    if (unclear(kernels)) return {Answer::kUnclear, ""};
    const Orders orders = orders_of(kernels);
    const bool bad = std::ranges::all_of(
        planted, [&](const Pin& pin) { return orders.at(pin.op).front() == pin.version; });
    return {bad ? Answer::kBad : Answer::kGood, ""};
  }
  std::string command(const std::string& kernels) const override { return kernels; }
};

// Two sets of which every op with more than one version begins with another one.
std::pair<Orders, Orders> draw_sets(std::mt19937& random, std::vector<std::string>& ops) {
  Orders from = orders_of("best");
  Orders to = from;
  for (const OpNames& op : all_ops()) {
    if (op.versions.size() < 2) continue;
    ops.push_back(op.op);
    std::ranges::shuffle(from[op.op], random);
    do std::ranges::shuffle(to[op.op], random);
    while (to[op.op].front() == from[op.op].front());
  }
  return {from, to};
}

TEST(VersionSearch, FindsExactlyThePlantedVersions) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 150; ++trial) {
    std::vector<std::string> ops;
    const auto [from, to] = draw_sets(random, ops);
    ASSERT_GE(ops.size(), 3U);
    std::ranges::shuffle(ops, random);
    PlantedCheck check;
    for (int i = 0; i <= trial % 3; ++i) {
      const std::string& op = ops[static_cast<std::size_t>(i)];
      check.planted.push_back({op, to.at(op).front()});
    }
    VersionSearch search(KernelDifference(from, to), check);
    const VersionFinding finding = search.run();
    EXPECT_EQ(finding.outcome, Outcome::kFound);
    std::vector<Pin> found = finding.pins;
    for (Pin& pin : found) pin.version = pin.version.substr(0, pin.version.find('/'));
    for (Pin& pin : found) pin.whole = false;
    std::ranges::sort(found);
    std::ranges::sort(check.planted);
    EXPECT_EQ(found, check.planted) << "trial " << trial << ": " << to_string(finding.pins);
    EXPECT_EQ(finding.rest, Answer::kGood);
    EXPECT_EQ(static_cast<std::size_t>(check.runs), search.steps().size()) << "a set was run twice";
  }
}

TEST(VersionSearch, SaysWhatItCannotTell) {
  PlantedCheck check;
  check.planted = {{"rope", "v1_pairs"}, {"swiglu", "v1_elementwise"}};
  const Orders best = orders_of("best");
  // Without rope's version the check does not tell.
  check.unclear = [&](const std::string& kernels) {
    return kernels != "best" && orders_of(kernels).at("rope") == best.at("rope");
  };
  VersionSearch search(KernelDifference(best, orders_of("baseline")), check);
  const VersionFinding finding = search.run();
  EXPECT_EQ(finding.outcome, Outcome::kUnclear);
  EXPECT_NE(std::ranges::find(finding.pins, Pin{"rope", "v1_pairs"}), finding.pins.end());
  EXPECT_NE(std::ranges::find(finding.pins, Pin{"swiglu", "v1_elementwise"}), finding.pins.end());
  EXPECT_NE(std::ranges::find(finding.doubtful, Pin{"rope", "v1_pairs"}), finding.doubtful.end());
}

TEST(VersionSearch, SeesThatThereIsMoreToFind) {
  // Either of two versions is enough: one is found, and the rest is bad still.
  class EitherCheck : public VersionCheck {
   public:
    json measure(const std::string& kernels) override { return kernels; }
    Ends set_ends(const json&, const json&) override { return {Outcome::kFound, ""}; }
    Judged judge(const json& measured) const override {
      const Orders orders = orders_of(measured.get<std::string>());
      const bool bad =
          orders.at("rope").front() == "v1_pairs" || orders.at("rms_norm").front() == "v1_two_pass";
      return {bad ? Answer::kBad : Answer::kGood, ""};
    }
    std::string command(const std::string& kernels) const override { return kernels; }
  } check;
  VersionSearch search(KernelDifference(orders_of("best"), orders_of("baseline")), check);
  const VersionFinding finding = search.run();
  EXPECT_EQ(finding.pins.size(), 1U);
  EXPECT_EQ(finding.rest, Answer::kBad);
  VersionSearch next(KernelDifference(orders_of("best"), orders_of(finding.rest_kernels)), check);
  const VersionFinding other = next.run();
  EXPECT_EQ(other.pins.size(), 1U);
  EXPECT_NE(other.pins, finding.pins);
  EXPECT_EQ(other.rest, Answer::kGood);
}

TEST(VersionSearch, AWantOfVersionsIsTheWholeOrders) {
  // Bad where linear has no v2_tiled to fall back on.
  class FallbackCheck : public VersionCheck {
   public:
    json measure(const std::string& kernels) override { return kernels; }
    Ends set_ends(const json&, const json&) override { return {Outcome::kFound, ""}; }
    Judged judge(const json& measured) const override {
      const std::vector<std::string> order = orders_of(measured.get<std::string>()).at("linear");
      const bool there = std::ranges::find(order, "v2_tiled") != order.end();
      return {there ? Answer::kGood : Answer::kBad, ""};
    }
    std::string command(const std::string& kernels) const override { return kernels; }
  } check;
  VersionSearch search(
      KernelDifference(orders_of("baseline"), orders_of("best,linear=v3_vector/v1_blas")), check);
  const VersionFinding finding = search.run();
  ASSERT_EQ(finding.pins.size(), 1U);
  EXPECT_TRUE(finding.pins[0].whole);
  EXPECT_EQ(to_string(finding.pins), "linear=v3_vector/v1_blas");
  EXPECT_EQ(finding.rest, Answer::kGood);
}

TEST(ExitCodes, AreThoseOfGitBisectRun) {
  EXPECT_EQ(judge_exit_code(0).answer, Answer::kGood);
  for (const int bad : {1, 2, 124, 126, 127}) EXPECT_EQ(judge_exit_code(bad).answer, Answer::kBad);
  EXPECT_EQ(judge_exit_code(125).answer, Answer::kUnclear);
  for (const int end : {128, 130, 139, 255}) EXPECT_THROW(judge_exit_code(end), InputError);
}

// ---- times
// ---------------------------------------------------------------------------------------

// Rounds of a machine with 1 % noise on which `it` is slower by `slowdown`.
PairedRows timed(double slowdown, std::uint32_t seed, int* rounds) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 0.01);
  const auto draw = [&](double mean) {
    std::vector<double> samples(20);
    for (double& sample : samples) sample = mean * std::exp(noise(random));
    return samples;
  };
  const auto run = [&](bool) {
    ++*rounds;
    return PairedRows{{"row", {draw(100), draw(100 * (1 + slowdown))}}};
  };
  const reports::JudgeSettings settings;
  return measure_in_rounds(run, [&](const PairedRows& rows) {
    return judge_rows(rows, settings).at("row").verdict != reports::TimeVerdict::kUnclear;
  });
}

TEST(Times, RoundsGoOnUntilTheyTell) {
  int slow_found = 0;
  int same_found = 0;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    int rounds = 0;
    const PairedRows slow = timed(0.08, seed, &rounds);
    const auto verdict = judge_rows(slow, {}).at("row").verdict;
    EXPECT_NE(verdict, reports::TimeVerdict::kSame);
    EXPECT_NE(verdict, reports::TimeVerdict::kFaster);
    slow_found += verdict == reports::TimeVerdict::kSlower;
    EXPECT_EQ(slow.at("row").from.size(), static_cast<std::size_t>(rounds) * SAMPLES_PER_ROUND);
    EXPECT_GE(rounds, 2);
    EXPECT_LE(rounds, 16);

    const PairedRows same = timed(0, seed + 100, &rounds);
    const auto alike = judge_rows(same, {}).at("row").verdict;
    EXPECT_NE(alike, reports::TimeVerdict::kSlower);
    same_found += alike == reports::TimeVerdict::kSame;
  }
  EXPECT_GE(slow_found, 19);
  EXPECT_GE(same_found, 18);
}

TEST(Times, OfTheSlowestRowHalfOfWhatToDoesIsBadAndLessIsNot) {
  VersionQuestion question;
  question.metric = "time";
  const auto check = make_time_check(question, "from");
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 0.01);
  const auto samples = [&](double mean, int count = 40) {
    json all = json::array();
    for (int i = 0; i < count; ++i) all.push_back(mean * std::exp(noise(random)));
    return all;
  };
  // And a row of too few samples to tell.
  const auto measured = [&](double attention, double feed_forward) {
    return json{{"rows",
                 {{"attention", {{"from", samples(100)}, {"it", samples(attention)}}},
                  {"feed_forward", {{"from", samples(100)}, {"it", samples(feed_forward)}}},
                  {"unclear", {{"from", samples(100, 3)}, {"it", samples(900, 3)}}}}}};
  };
  const auto ends = check->set_ends({{"rows", json::object()}}, measured(190, 640));
  EXPECT_EQ(ends.outcome, Outcome::kFound);
  EXPECT_TRUE(ends.text.starts_with("feed_forward +5")) << ends.text;
  EXPECT_EQ(check->judge(measured(106, 100)).answer, Answer::kGood);
  EXPECT_EQ(check->judge(measured(106, 180)).answer, Answer::kGood);
  const auto bad = check->judge(measured(106, 600));
  EXPECT_EQ(bad.answer, Answer::kBad);
  EXPECT_TRUE(bad.detail.starts_with("feed_forward +")) << bad.detail;
  const auto other = check->judge(measured(180, 240));
  EXPECT_EQ(other.answer, Answer::kBad);
  EXPECT_TRUE(other.detail.starts_with("attention +")) << other.detail;
}

// ---- the program
// ---------------------------------------------------------------------------------

class VersionsProgram : public ProgramTest {
 protected:
  // A check that notes each run, and is bad where both versions are tried first.
  std::string check_script(const std::string& last = "") {
    const fs::path script = folder() / "check.sh";
    std::ofstream(script) << "#!/bin/sh\necho \"$ASSAY_KERNELS\" >> " << runs().string() << "\n"
                          << "case $ASSAY_KERNELS in *rope=v1_pairs*) ;; *) exit 0;; esac\n"
                          << "case $ASSAY_KERNELS in *swiglu=v1_elementwise*) ;; *) exit 0;; esac\n"
                          << last << "\nexit 1\n";
    return "sh " + script.string();
  }
  fs::path runs() const { return folder() / "runs"; }
  std::size_t count_runs() const {
    std::ifstream in(runs());
    std::size_t count = 0;
    for (std::string line; std::getline(in, line);) ++count;
    return count;
  }
  ProcessResult bisect(std::vector<std::string> arguments) const {
    std::vector<std::string> argv{ASSAY_BISECT, "versions", "--from", "best", "--to", "baseline"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_in_folder(std::move(argv));
  }
};

TEST_F(VersionsProgram, NamesBothOfAPairAndResumes) {
  const std::string check = check_script();
  const ProcessResult first =
      bisect({"--check", check, "--json", "result.json", "--markdown", "r.md"});
  ASSERT_EQ(first.exit_code, 0) << first.out << first.err;
  const json found = result();
  ASSERT_EQ(found.at("pins").size(), 2U) << found.dump(1);
  EXPECT_EQ(found["pins"][0], (json{{"op", "rope"}, {"version", "v1_pairs"}}));
  EXPECT_EQ(found["pins"][1], (json{{"op", "swiglu"}, {"version", "v1_elementwise"}}));
  EXPECT_TRUE(found.at("one_minimal").get<bool>());
  EXPECT_EQ(found.at("rest"), "good");
  EXPECT_TRUE(fs::exists(folder() / "r.md"));
  const std::size_t runs = count_runs();
  EXPECT_EQ(runs, found.at("steps").size());
  // The first replay command shows the failure, the second its absence.
  EXPECT_EQ(run_process({{"sh", "-c", found.at("replay")[0].get<std::string>()}}).exit_code, 1);
  EXPECT_EQ(run_process({{"sh", "-c", found.at("replay")[1].get<std::string>()}}).exit_code, 0);

  // A log cut short after three steps: only the others are run.
  std::ifstream in(folder() / "bisect-versions.jsonl");
  std::string kept;
  int lines = 0;
  for (std::string line; lines < 4 && std::getline(in, line); ++lines) kept += line + "\n";
  std::ofstream(folder() / "bisect-versions.jsonl") << kept << R"({"kernels":"cut)";
  fs::remove(this->runs());
  const ProcessResult again = bisect({"--check", check, "--resume", "--json", "result.json"});
  EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_EQ(count_runs(), runs - 3);
  EXPECT_EQ(result().at("pins"), found.at("pins"));
  for (const std::string step :
       {R"({"kernels":7})", R"({"kernels":"","wall_s":1,"measured":{"exit_code":"one"}})"}) {
    std::ofstream(folder() / "bisect-versions.jsonl")
        << kept.substr(0, kept.find('\n') + 1) << step << "\n";
    const ProcessResult damaged = bisect({"--check", check, "--resume"});
    EXPECT_EQ(damaged.exit_code, 2);
    EXPECT_NE(damaged.err.find("jsonl: line 2 is damaged"), std::string::npos) << damaged.err;
  }
  // Another question must not be answered from it.
  const ProcessResult other = bisect({"--check", check + " ", "--resume"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("was asked something else"), std::string::npos) << other.err;
}

TEST_F(VersionsProgram, StopsWhereTheEndsDoNotDiffer) {
  EXPECT_EQ(bisect({"--check", "exit 0"}).exit_code, 1);
  EXPECT_EQ(bisect({"--check", "exit 1"}).exit_code, 1);
  EXPECT_EQ(bisect({"--check", "exit 125"}).exit_code, 3);
  const ProcessResult same = run_process(
      {{ASSAY_BISECT, "versions", "--from", "best", "--to", "best", "--check", "exit 0"}});
  EXPECT_EQ(same.exit_code, 1) << same.err;
}

TEST_F(VersionsProgram, RefusesWhatIsNoAnswer) {
  const ProcessResult crashed = bisect({"--check", check_script("kill -SEGV $$")});
  EXPECT_EQ(crashed.exit_code, 2);
  EXPECT_NE(crashed.err.find("signal 11"), std::string::npos) << crashed.err;
  const ProcessResult missing = bisect({"--check", "/no/such/check"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_NE(missing.err.find("cannot be run"), std::string::npos) << missing.err;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--metric", "beauty"},
                                             {"--metric", "time", "--least", "much"},
                                             {"--check", "true", "--metric", "time"},
                                             {"--check", "true", "--to", "rope=v9_dream"},
                                             {"--metric", "status", "--verify", "/no/such/verify"},
                                             {"--metric", "time", "--gtest_filter", "*"}}) {
    const ProcessResult refused = bisect(arguments);
    EXPECT_EQ(refused.exit_code, 2) << command_line(arguments) << refused.out << refused.err;
  }
}

TEST(Errors, InALogAreReadAsNumbersOrRefused) {
  VersionQuestion question;
  question.metric = "error";
  const auto check = make_version_check(question, "from");
  const auto measured = [](const json& error) {
    return json{{"rows", 1}, {"failing", json::array()}, {"rms_err", {{"row", error}}}};
  };
  VersionSearch search(KernelDifference(orders_of("best"), orders_of("baseline")), *check);
  const auto step = [&](const json& error) {
    return json{{"kernels", "best"}, {"wall_s", 1}, {"measured", measured(error)}};
  };
  EXPECT_NO_THROW(search.remember(step(0.5)));
  EXPECT_THROW(search.remember(step("much")), json::exception);
  EXPECT_EQ(check->set_ends(measured(0.5), measured(json())).outcome, Outcome::kFound);
  EXPECT_EQ(check->judge(measured(0.7)).answer, Answer::kGood);
  EXPECT_EQ(check->judge(measured(0.8)).answer, Answer::kBad);
}

TEST_F(VersionsProgram, ATimeLimitSaysNothingOfTests) {
  const fs::path verify = folder() / "verify";
  std::ofstream(verify) << "#!/bin/sh\nsleep 60\n";
  fs::permissions(verify, fs::perms::owner_all);
  for (const char* metric : {"status", "error"}) {
    const ProcessResult result = bisect({"--metric", metric, "--gtest_filter", "*", "--verify",
                                         verify, "--timeout", "0.1", "--json", "result.json"});
    EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
    EXPECT_NE(this->result().at("headline").get<std::string>().find("--timeout with --from"),
              std::string::npos);
  }
}

TEST_F(VersionsProgram, ADryRunCountsAndTimesOneTest) {
  const ProcessResult dry = bisect({"--check", check_script(), "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_NE(dry.out.find("ops differ; no builds"), std::string::npos) << dry.out;
  EXPECT_EQ(count_runs(), 1U);
  EXPECT_FALSE(fs::exists(folder() / "bisect-versions.jsonl"));
}

}  // namespace
}  // namespace assay::bisect
