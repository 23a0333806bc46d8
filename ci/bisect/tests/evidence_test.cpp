// What `bisect commits` takes for evidence of what programs write and how they end.
#include <gtest/gtest.h>

#include "ci/bisect/tests/shell_history.h"

namespace assay::bisect {
namespace {

using nlohmann::json;

TEST(evidence, rows_of_one_case_are_told_apart_by_op_and_by_cache) {
  const Repo states([](int n) {
    return row("case_id,op,status",
               fmt::format("x,attention,{}\\nx,ffn,PASS", n >= 20 ? "FAIL" : "PASS"));
  });
  EXPECT_EQ(states.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_EQ(states.result()["commit"]["sha"], states.sha(20));
  EXPECT_EQ(states.result()["worse"], json({"x attention"}));
  const Repo times([](int n) {
    return "printf 'run_id,row_id,status,case_id,cache\\n' > \"$ASSAY_CSV\"\n" +
           timed_row("a", n >= 20 ? 110 : 100, "x,cold") + timed_row("b", 50, "x,warm");
  });
  EXPECT_EQ(times.bisect({"--metric", "time"}).exit_code, 0);
  EXPECT_EQ(times.result()["commit"]["sha"], times.sha(20));
  EXPECT_EQ(times.result()["watched"]["row"], "x cold");
}

TEST(evidence, of_two_rows_that_nothing_tells_apart_none_is_taken_for_the_other) {
  const Repo repo([](int n) {
    return row("case_id,status", n == 64 ? "other,PASS\\nx,FAIL\\nx,PASS" : "x,PASS");
  });
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 3);
  const std::string headline = repo.result()["headline"];
  EXPECT_NE(headline.find("two rows are 'x'"), std::string::npos) << headline;
}

TEST(evidence, a_commit_that_was_killed_or_ran_out_of_time_is_skipped) {
  for (const std::string end : {"kill -9 $$", "kill -15 $$", "sleep 60"}) {
    const Repo repo([&](int n) { return n == 32 ? end : status_row(n >= 40); });
    const ProcessResult result = repo.bisect({"--metric", "status", "--run-timeout", "2"});
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_EQ(repo.result()["commit"]["sha"], repo.sha(40)) << end;
  }
}

TEST(evidence, a_row_that_lost_its_time_is_named) {
  const Repo repo([](int n) {
    return "printf 'run_id,row_id,status,case_id\\n' > \"$ASSAY_CSV\"\n" +
           (n < 9 ? timed_row("a", 100, "x/a") : "") + timed_row("b", 100, "x/b");
  });
  EXPECT_EQ(repo.bisect({"--metric", "time"}).exit_code, 3);
  const std::string headline = repo.result()["headline"];
  EXPECT_NE(headline.find("x/a: 1 rows timed at the good end"), std::string::npos) << headline;
}

TEST(evidence, what_is_damaged_is_told) {
  const auto expect = [](const std::string& bad, const std::string& message) {
    const Repo repo([&](int n) {
      return "printf 'run_id,row_id,status,case_id\\n' > \"$ASSAY_CSV\"\n" +
             timed_row("a", 100, "x") + (n < 9 ? "" : bad);
    });
    EXPECT_EQ(repo.bisect({"--metric", "time"}).exit_code, 3) << bad;
    const std::string headline = repo.result()["headline"];
    EXPECT_NE(headline.find(message), std::string::npos) << headline;
  };
  expect(
      "echo '{\"run_id\":\"run\",\"row_id\":\"b\",\"samples_us\":[-1]}' >> "
      "\"${ASSAY_CSV%.csv}.samples.jsonl\"",
      ".samples.jsonl:2:");
  expect("echo 'run,b,PASS,\"x\"y' >> \"$ASSAY_CSV\"; echo 'run,c,PASS,x/2' >> \"$ASSAY_CSV\"",
         "a row after 1 others is not quoted");
}

}  // namespace
}  // namespace assay::bisect
