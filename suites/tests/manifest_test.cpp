// The manifest: its file format, and what counts as a test that did not run.
#include "suites/manifest.h"

#include <gtest/gtest.h>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

Manifest sample() {
  Manifest manifest;
  manifest.device = "emulated";
  manifest.set = "smoke";
  manifest.tests = {{"rope.v1/fp32/a=1", Expected::kRun},
                    {"rope.v2/fp32/a=1", Expected::kSkipShape},
                    {"rope.v3/fp32/a=1", Expected::kSkipDevice}};
  return manifest;
}

// What a run that is as the sample says would have found.
std::map<std::string, Fate> as_listed() {
  using Kind = Fate::Kind;
  return {{"rope.v1/fp32/a=1", {Kind::kRan, ""}},
          {"rope.v2/fp32/a=1", {Kind::kSkipped, "rows of 33 elements"}},
          {"rope.v3/fp32/a=1", {Kind::kSkipped, "needs sm_90"}}};
}

void expect_refused(const std::string& text, const std::string& message) {
  try {
    parse_manifest(text, "list.txt");
    FAIL() << "accepted: " << text;
  } catch (const InputError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(message), std::string::npos) << what;
    EXPECT_NE(what.find("list.txt:"), std::string::npos) << what;
    EXPECT_NE(what.find("--write-manifest"), std::string::npos) << what;
  }
}

// The only discrepancy when one test's fate is another than listed.
Discrepancy only_discrepancy(const std::string& test, const Fate& fate) {
  auto found = as_listed();
  found[test] = fate;
  const auto all = find_discrepancies(sample(), found);
  EXPECT_EQ(all.size(), 1u) << test;
  return all.empty() ? Discrepancy{} : all.front();
}

TEST(Manifest, ComesBackAsWritten) {
  const std::string text = format_manifest(sample());
  const Manifest back = parse_manifest(text, "list.txt");
  EXPECT_EQ(back.device, "emulated");
  EXPECT_EQ(back.set, "smoke");
  EXPECT_EQ(back.filter, "*");
  EXPECT_EQ(back.tests, sample().tests);
  EXPECT_EQ(format_manifest(back), text);
}

TEST(Manifest, RefusesEveryPrefixOfAFile) {
  const std::string text = format_manifest(sample());
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_THROW(parse_manifest(text.substr(0, length), "list.txt"), InputError) << length;
  }
}

TEST(Manifest, RefusesWhatItDidNotWrite) {
  const std::string text = format_manifest(sample());
  expect_refused("run rope.v1\n", "no manifest");
  expect_refused(text + "run rope.v1/fp32/a=1\n", "listed twice");
  expect_refused(text + "run rope.v9\n", "promises 3 tests, 4 are listed");
  expect_refused(text + "maybe rope.v9\n", "'maybe' is none of");
  expect_refused(text + "run\n", "expected 'run TEST'");
  expect_refused("verify-manifest 1\nset smoke\n", "expected 'device ...'");
  expect_refused("verify-manifest 1\ndevice cuda\nset ci\nfilter *\ntests 0\n",
                 "no test is listed");
}

TEST(Manifest, FindsNothingWhereAllIsAsListed) {
  EXPECT_TRUE(find_discrepancies(sample(), as_listed()).empty());
}

TEST(Manifest, AnAbsentTestWasNotRun) {
  auto found = as_listed();
  found.erase("rope.v1/fp32/a=1");
  const auto all = find_discrepancies(sample(), found);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].not_run);
  EXPECT_NE(all[0].why.find("no such test"), std::string::npos);
}

TEST(Manifest, AnAbsentSkipIsNoticedToo) {
  auto found = as_listed();
  found.erase("rope.v2/fp32/a=1");
  EXPECT_EQ(find_discrepancies(sample(), found).size(), 1u);
}

TEST(Manifest, SkippedOrFilteredThoughListedWasNotRun) {
  const Discrepancy skipped =
      only_discrepancy("rope.v1/fp32/a=1", {Fate::Kind::kSkipped, "no model"});
  EXPECT_TRUE(skipped.not_run);
  EXPECT_NE(skipped.why.find("no model"), std::string::npos);
  const Discrepancy filtered =
      only_discrepancy("rope.v1/fp32/a=1", {Fate::Kind::kNotRun, "left out by a filter"});
  EXPECT_TRUE(filtered.not_run);
  EXPECT_EQ(filtered.why, "left out by a filter");
  EXPECT_TRUE(filtered.stays_listed);
  EXPECT_FALSE(skipped.stays_listed);
}

TEST(Manifest, ASkipOfAnotherKindOrARunInItsPlaceIsOutOfDate) {
  EXPECT_FALSE(only_discrepancy("rope.v2/fp32/a=1", {Fate::Kind::kSkipped, "needs sm_90"}).not_run);
  EXPECT_NE(only_discrepancy("rope.v3/fp32/a=1", {Fate::Kind::kRan, ""}).why.find("but it ran"),
            std::string::npos);
}

TEST(Manifest, ANewTestIsOutOfDate) {
  const Discrepancy unlisted = only_discrepancy("rope.v4/fp32/a=1", {Fate::Kind::kRan, ""});
  EXPECT_FALSE(unlisted.not_run);
  EXPECT_EQ(unlisted.why, "not in the manifest");
  // Nor is it overlooked because a filter left it out,
  EXPECT_EQ(only_discrepancy("rope.v4/fp32/a=1", {Fate::Kind::kNotRun, "left out"}).why,
            "not in the manifest");
  // unless the list was made with that filter.
  Manifest filtered = sample();
  filtered.filter = "-*v4*";
  auto found = as_listed();
  found["rope.v4/fp32/a=1"] = {Fate::Kind::kNotRun, "left out"};
  EXPECT_TRUE(find_discrepancies(filtered, found).empty());
}

TEST(Manifest, OtherShardsAccountForTheirOwn) {
  auto found = as_listed();
  found["rope.v1/fp32/a=1"] = {Fate::Kind::kOtherShard, ""};
  found["rope.v2/fp32/a=1"] = {Fate::Kind::kOtherShard, ""};
  EXPECT_TRUE(find_discrepancies(sample(), found).empty());
  found["rope.v4/fp32/a=1"] = {Fate::Kind::kOtherShard, ""};
  EXPECT_EQ(find_discrepancies(sample(), found).size(), 1u) << "unlisted in any shard";
}

}  // namespace
}  // namespace assay::suites
