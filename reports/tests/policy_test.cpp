#include "reports/policy.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/device/error.h"
#include "reports/baseline.h"
#include "reports/tests/compare_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::noisy;
using testing::read_text;
using testing::sample_row;
using testing::side_of;
using testing::TemporaryFolder;
using testing::timed;
using testing::TimedRow;
using testing::write_report;
using testing::write_text;

constexpr std::string_view TODAY = "2026-06-15";

constexpr std::string_view FULL = R"({
  // why: see the folder of decisions
  "policy_version": 1,
  "least": "5%",
  "alpha": 0.001,
  "error_factor": 2,
  "across": ["driver"],
  "fail": ["SLOWER", "BROKEN"],
  "rules": [
    {"op": "^rope$", "least": 0.1},
    {"op": "rope|linear", "case_id": "m=1", "least": "20 %", "fail": ["SLOWER", "UNCLEAR"]}
  ],
  "allow": [
    {"case_id": "^x", "verdicts": ["SLOWER"], "up_to": "15%", "reason": "exact now", "expires": "2026-06-30"}
  ]
})";

Row row_of(std::string_view op, std::string_view case_id) {
  return sample_row(case_id).set("op", op);
}

TEST(Policy, ReadsAllOfIt) {
  const Policy policy = parse_policy(FULL, "p.json");
  EXPECT_EQ(policy.judge.least, 0.05);
  EXPECT_EQ(policy.judge.alpha, 0.001);
  EXPECT_EQ(policy.error_factor, 2);
  EXPECT_EQ(policy.across, std::vector<std::string>{"driver"});
  // The first rule that fits and says something about it counts.
  EXPECT_EQ(policy.least_of(row_of("rope", "m=1")), 0.1);
  EXPECT_EQ(policy.least_of(row_of("linear", "m=1")), 0.2);
  EXPECT_EQ(policy.least_of(row_of("linear", "m=2")), 0.05);
  EXPECT_EQ(policy.fail_of(row_of("rope", "m=1")),
            (std::vector<Verdict>{Verdict::kSlower, Verdict::kUnclear}));
  EXPECT_EQ(policy.fail_of(row_of("rope", "m=2")),
            (std::vector<Verdict>{Verdict::kSlower, Verdict::kBroken}));
  EXPECT_EQ(policy.settings().least_of(row_of("rope", "m=1")), 0.1);
}

void refuses(const std::string& text, std::string_view what) {
  EXPECT_TRUE(contains(message_of<InputError>([&] { parse_policy(text, "p.json"); }), what));
}

std::string allowing(const std::string& entry) {
  return R"({"policy_version": 1, "allow": [)" + entry + "]}";
}

TEST(Policy, RefusesWhatItDoesNotKnow) {
  refuses("{\n  \"least\": }", "p.json:2:12: error: no JSON");
  refuses("[]", "p.json:: an object is wanted");
  refuses("{}", "p.json:: 'policy_version' is missing");
  refuses(R"({"policy_version": 2})", "policy_version: this program reads version 1");
  refuses(R"({"policy_version": 1, "leest": 3})", "unknown key 'leest'; keys are policy_version");
  refuses(R"({"policy_version": 1, "least": "3"})", "least: '3' is no share");
  refuses(R"({"policy_version": 1, "least": true})", "least: a text is wanted");
  refuses(R"({"policy_version": 1, "alpha": 7})", "alpha: 7 is not from");
  refuses(R"({"policy_version": 1, "fail": ["SLOW"]})", "fail[0]: 'SLOW' is no verdict");
  refuses(R"({"policy_version": 1, "fail": "SLOWER"})", "fail: a list is wanted");
  refuses(R"({"policy_version": 1, "rules": [{"op": "x"}]})", "rules[0]: says nothing");
  refuses(R"({"policy_version": 1, "rules": [{"op": "[", "least": 1}]})",
          "rules[0] op '[' is no regular expression");
  refuses(R"({"policy_version": 1, "rules": [{"opp": "x", "least": 1}]})",
          "rules[0]: unknown key 'opp'");
}

TEST(Policy, RefusesWhatTheParserWouldDropOrCannotHold) {
  refuses(R"({"policy_version": 1, "least": "3%", "least": "30%"})",
          "p.json: the key 'least' is there twice in one object; keep one");
  refuses(R"({"policy_version": 1, "rules": [{"op": "x", "least": "3%", "op": "y"}]})",
          "the key 'op' is there twice");
  EXPECT_EQ(parse_policy(FULL, "p.json").rules.size(), 2u) << "in objects of their own";
  refuses(R"({"policy_version": 1, "error_factor": 1e400})",
          "p.json: number overflow parsing '1e400': a number is too large to be read");
  refuses(R"({"policy_version": 1e400})", "a number is too large");
}

TEST(Policy, AllowancesHaveAReasonAndADate) {
  refuses(allowing(R"({"op": "x", "verdicts": ["SLOWER"], "expires": "2026-01-01"})"),
          "allow[0]: 'reason' is missing");
  refuses(allowing(R"({"op": "x", "verdicts": ["SLOWER"], "reason": "", "expires": "2026-01-01"})"),
          "reason: is empty");
  refuses(allowing(R"({"op": "x", "verdicts": ["SLOWER"], "reason": "r"})"),
          "'expires' is missing");
  refuses(
      allowing(R"({"op": "x", "verdicts": ["SLOWER"], "reason": "r", "expires": "2026-02-30"})"),
      "expires: '2026-02-30' is no date");
  refuses(allowing(R"({"verdicts": ["SLOWER"], "reason": "r", "expires": "2026-02-03"})"),
          "names no rows");
}

class Gate : public ::testing::Test {
 protected:
  GateResult apply(const Policy& policy, double factor, std::string_view today = TODAY) {
    std::mt19937_64 random(1);
    base_ = side_of({timed(sample_row("x"), noisy(random, 60, 100, 0.01)),
                     timed(sample_row("gone"), noisy(random, 60, 100, 0.01))});
    current_ = side_of({timed(sample_row("x"), noisy(random, 60, 100 * factor, 0.01))});
    comparison_ = compare(base_, current_, policy.settings());
    return apply_policy(policy, comparison_, today);
  }
  Side base_, current_;
  Comparison comparison_;
};

TEST_F(Gate, FailsWhatThePolicySays) {
  const GateResult result = apply(default_policy(), 1.1);
  ASSERT_EQ(result.failures.size(), 2u);
  EXPECT_EQ(result.failures[0].finding->verdict, Verdict::kSlower);
  EXPECT_EQ(result.failures[1].finding->verdict, Verdict::kMissing);
  EXPECT_TRUE(
      apply(parse_policy(R"({"policy_version": 1, "fail": []})", "p"), 1.1).failures.empty());
  EXPECT_EQ(apply(default_policy(), 0.8).failures.size(), 1u) << "faster is no failure";
}

TEST_F(Gate, NamesRulesThatFitNoRow) {
  const Policy policy = parse_policy(R"({"policy_version": 1, "rules": [
    {"op": "^rms_norm$", "least": "8%"}, {"op": "^rmsnorm$", "fail": []}]})",
                                     "p");
  EXPECT_EQ(apply(policy, 1.1).notes,
            std::vector<std::string>{"rule 2 fits no row: mend or remove it"});
}

TEST_F(Gate, AllowancesHoldUntilTheyExpire) {
  Policy policy = parse_policy(FULL, "p");
  policy.rules.clear();
  const GateResult before = apply(policy, 1.1);
  EXPECT_TRUE(before.failures.empty());
  ASSERT_EQ(before.notes.size(), 1u);
  EXPECT_EQ(before.notes[0], "allowance 1 (exact now) used 1 times, until 2026-06-30");
  EXPECT_TRUE(apply(policy, 1.1, "2026-06-30").failures.empty());
  const GateResult after = apply(policy, 1.1, "2026-07-01");
  EXPECT_EQ(after.failures.size(), 1u);
  EXPECT_EQ(after.notes[0], "allowance 1 (exact now) expired on 2026-06-30");
  const GateResult beyond = apply(policy, 1.3);
  EXPECT_EQ(beyond.failures.size(), 1u);
  ASSERT_EQ(beyond.notes.size(), 1u);
  EXPECT_EQ(beyond.notes[0],
            "allowance 1 (exact now) fits 1 findings that are beyond its up_to of 15.0 %");
  const GateResult unused = apply(policy, 1);
  EXPECT_EQ(unused.notes[0], "allowance 1 (exact now) fits nothing: remove it");
}

// Baselines.
class Baselines : public ::testing::Test {
 protected:
  std::filesystem::path write(std::string_view name, std::string_view gpu, std::string_view utc) {
    Row row = sample_row();
    row.set("gpu_name", gpu).set("utc", utc).set("commit", "0123456789abcdef0123");
    return write_report(folder_ / name, {timed(row, {1, 2, 3})});
  }
  TemporaryFolder folder_;
};

TEST_F(Baselines, TheNewestOfTheSameGpu) {
  std::filesystem::create_directory(folder_ / "dir");
  write("dir/a.csv", "H200", "2026-01-03T00:00:00Z");
  write("dir/b.csv", "H200", "2026-01-09T00:00:00Z");
  write("dir/c.csv", "H200", "2026-01-05T00:00:00Z");
  write("dir/d.csv", "H100", "2026-02-01T00:00:00Z");
  const Report current = read_report(write("dir/new.csv", "H200", "2026-03-01T00:00:00Z"));
  EXPECT_EQ(find_baseline(folder_ / "dir", current).path, folder_ / "dir/b.csv");
  const Report other = read_report(write("other.csv", "B200", "2026-03-01T00:00:00Z"));
  const FoundBaseline none = find_baseline(folder_ / "dir", other);
  EXPECT_TRUE(none.path.empty());
  EXPECT_EQ(none.instead, "those of emulated H100, emulated H200");
  EXPECT_EQ(find_baseline(folder_ / "absent", other).instead, "none at all");
  write_text(folder_ / "dir/b.csv", "damaged\n");
  EXPECT_TRUE(contains(message_of<InputError>([&] { find_baseline(folder_ / "dir", current); }),
                       "b.csv: nothing in it is usable"));
}

TEST_F(Baselines, AreStoredWhole) {
  const auto csv = write("new.csv", "NVIDIA H200", "2026-03-01T04:05:06Z");
  const auto stored = store_baseline(folder_ / "made/dir", read_side(csv));
  EXPECT_EQ(stored.filename(), "emulated-nvidia-h200-2026-03-01t04-05-06z-0123456789ab.csv");
  EXPECT_EQ(read_text(stored), read_text(csv));
  EXPECT_EQ(read_text(samples_path(stored)), read_text(samples_path(csv)));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(folder_ / "made/dir"))
    ++files;
  EXPECT_EQ(files, 2u) << "nothing temporary is left";
  EXPECT_TRUE(contains(message_of<InputError>([&] { store_baseline(csv / "x", read_side(csv)); }),
                       "cannot be made"));
}

TEST_F(Baselines, AnOlderOneIsRefused) {
  const auto store = [&](std::string_view name, std::string_view utc) {
    const auto csv = write(name, "H200", utc);
    return store_baseline(folder_ / "dir", read_side(csv));
  };
  const auto march = store("march.csv", "2026-03-01T00:00:00Z");
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { store("january.csv", "2026-01-01T00:00:00Z"); }),
               "january.csv: is of 2026-01-01T00:00:00Z and would not be the baseline, which " +
                   march.string() + " of 2026-03-01T00:00:00Z stays"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "dir"), {}), 2);
  EXPECT_EQ(store("march.csv", "2026-03-01T00:00:00Z"), march) << "the same once more";
  const auto april = store("april.csv", "2026-04-01T00:00:00Z");
  EXPECT_EQ(find_baseline(folder_ / "dir", read_report(folder_ / "march.csv")).path, april);
}

TEST_F(Baselines, MachinesOfOneSlugKeepTheirOwn) {
  std::vector<std::filesystem::path> stored;
  for (const char* gpu : {"A-100", "A 100", "a 100"}) {
    const auto csv = write("new.csv", gpu, "2026-03-01T00:00:00Z");
    stored.push_back(store_baseline(folder_ / "dir", read_side(csv)));
    EXPECT_EQ(store_baseline(folder_ / "dir", read_side(csv)), stored.back());
  }
  EXPECT_EQ(stored[0].filename(), "emulated-a-100-2026-03-01t00-00-00z-0123456789ab.csv");
  EXPECT_EQ(std::set(stored.begin(), stored.end()).size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto csv = write("new.csv",
                           i == 0   ? "A-100"
                           : i == 1 ? "A 100"
                                    : "a 100",
                           "2026-03-02T00:00:00Z");
    EXPECT_EQ(find_baseline(folder_ / "dir", read_report(csv)).path, stored[i]);
  }
}

}  // namespace
}  // namespace assay::reports
