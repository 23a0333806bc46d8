// `bisect commits` as a person runs it, on repositories whose programs are a few lines of shell.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>

#include "ci/bisect/tests/shell_history.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using assay::testing::TemporaryFolder;
using nlohmann::json;

TEST(commits, finds_it_and_leaves_the_repository_as_it_was) {
  const Repo repo([](int n) { return n == 32 ? "" : status_row(n >= 23); });
  std::ofstream(repo.path() / "program") << "what the user is at\n";
  std::ofstream(repo.path() / "untracked") << "this too\n";
  output_of({"git", "-C", repo.path(), "add", "program"});
  const std::string before = repo.state();
  const ProcessResult result = repo.bisect({"--metric", "status"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  const json found = repo.result();
  EXPECT_EQ(found["commit"]["sha"], repo.sha(23));
  EXPECT_EQ(found["commit"]["author"], "Ann Author <ann@localhost>");
  EXPECT_LE(found["builds_besides_the_ends"], 8);
  EXPECT_NE(result.out.find("does not build"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("again: bisect commits"), std::string::npos);
  EXPECT_EQ(repo.state(), before);
  EXPECT_TRUE(is_tidy(repo.work()));

  // What was built is not built again.
  const std::size_t builds = repo.builds();
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_EQ(repo.builds(), builds);
  EXPECT_EQ(repo.result()["builds_besides_the_ends"], 0);
}

TEST(commits, across_a_change_of_the_schema) {
  for (const int at : {10, 30, 50}) {
    const Repo repo([&](int n) {
      const bool worse = n >= at;
      const std::string error = worse ? "0.4" : "0.2";
      if (n < 30) return row("schema_version,case_id,err_ratio,status", "1,x," + error + ",PASS");
      return row("schema_version,case_id,status,reason,rms_err,err_ratio",
                 "2,x,PASS,\"a, b\",1e-3," + error);
    });
    const ProcessResult result = repo.bisect({"--metric", "error"});
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_EQ(repo.result()["commit"]["sha"], repo.sha(at));
  }
}

TEST(commits, a_program_that_crashes_is_bad_and_one_that_does_not_start_is_not) {
  const Repo crash([](int n) { return n >= 40 ? "kill -SEGV $$" : status_row(false); });
  EXPECT_EQ(crash.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_EQ(crash.result()["commit"]["sha"], crash.sha(40));
  const Repo refuse([](int n) { return n == 32 ? "exit 127" : status_row(n >= 33); });
  EXPECT_EQ(refuse.bisect({"--metric", "status"}).exit_code, 3);
  EXPECT_EQ(refuse.result()["suspects"].size(), 2u);
}

TEST(commits, exit_codes_and_messages) {
  const Repo repo([](int) { return status_row(false); });
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 1);
  EXPECT_NE(repo.result()["headline"].get<std::string>().find("Not reproducible"),
            std::string::npos);
  const auto refused = [&](const std::vector<std::string>& more, const std::string& message) {
    const ProcessResult result = repo.bisect(more);
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
  };
  refused({"--metric", "speed"}, "speed");
  refused({"--least", "300%"}, "300%");
  refused({"--confidence", "1"}, "--confidence");
  refused({"--repeat", "0"}, "--repeat");
  refused({"--jobs", "-5"}, "--jobs");
  refused({"--metric", "status", "--build-command", "false"}, "does not build");
  const ProcessResult swapped =
      run_process({.argv = {ASSAY_BISECT, "commits", "--repository", repo.path(), "--good", "main",
                            "--bad", repo.sha(3), "--case", "x", "--work-dir", repo.work()}});
  EXPECT_EQ(swapped.exit_code, 2);
  EXPECT_NE(swapped.err.find("comes after"), std::string::npos) << swapped.err;
  const ProcessResult nowhere =
      run_process({.argv = {ASSAY_BISECT, "commits", "--repository", repo.path(), "--good",
                            "nowhere", "--bad", "main", "--case", "x", "--work-dir", repo.work()}});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_NE(nowhere.err.find("nowhere"), std::string::npos);
}

TEST(commits, a_folder_of_somebody_elses_is_refused_and_left_alone) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  fs::create_directories(repo.work() / "run-results");
  std::ofstream(repo.work() / "run-results/data") << "precious";
  std::ofstream(repo.work() / "lock") << "1234\n";  // many a program has one
  for (const std::string more : {"--resume", "--dry-run"}) {
    const ProcessResult result = repo.bisect({"--metric", "status", more});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_NE(result.err.find("is no work folder of this bisect's"), std::string::npos)
        << result.err;
    EXPECT_EQ(reports::read_file(repo.work() / "run-results/data"), "precious");
  }
  const ProcessResult file = repo.bisect({"--metric", "status", "--work-dir", "/dev/null/x"});
  EXPECT_EQ(file.exit_code, 2) << file.err;
}

TEST(commits, of_a_command_that_writes_more_rows_than_the_case) {
  const Repo times([](int n) {
    return "printf 'run_id,row_id,status,case_id\\n' > \"$ASSAY_CSV\"\n" +
           timed_row("alpha", n >= 20 ? 110 : 100, "alpha") +
           timed_row("beta", n >= 45 ? 150 : 100, "beta");
  });
  for (const auto& [expression, at] : {std::pair("^beta$", 45), {"^alpha$", 20}, {"a$", 45}}) {
    const ProcessResult result = times.bisect({"--metric", "time", "--case", expression});
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_EQ(times.result()["commit"]["sha"], times.sha(at)) << expression;
  }
  const Repo states([](int n) {
    const auto cell = [&](int at) { return n >= at ? "FAIL" : "PASS"; };
    return row("case_id,status", fmt::format("alpha,{}\\nbeta,{}", cell(50), cell(20)));
  });
  EXPECT_EQ(states.bisect({"--metric", "status", "--case", "^alpha$"}).exit_code, 0);
  EXPECT_EQ(states.result()["commit"]["sha"], states.sha(50));
  EXPECT_EQ(states.bisect({"--metric", "status", "--case", "gamma"}).exit_code, 3);
  const std::string headline = states.result()["headline"];
  EXPECT_NE(headline.find("no row that 'gamma' is found in; there are alpha, beta"),
            std::string::npos)
      << headline;
}

TEST(commits, a_program_that_a_commit_has_no_more_is_not_found_again) {
  const Repo repo([](int n) { return n >= 12 ? "gone" : status_row(false); });
  const std::string build =
      "mkdir -p \"$ASSAY_BUILD_DIR/bin\"; grep -q gone program || cp program "
      "\"$ASSAY_BUILD_DIR/bin\"; "
      "cp README.md \"$ASSAY_BUILD_DIR/bin\"";
  const std::string run =
      "if [ -e \"$ASSAY_BIN/program\" ]; then sh \"$ASSAY_BIN/program\"; else " + status_row(true) +
      "fi";
  const ProcessResult result =
      repo.bisect({"--metric", "status", "--build-command", build, "--run-command", run});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(repo.result()["commit"]["sha"], repo.sha(12));
}

TEST(commits, where_nothing_can_be_compared_nothing_is_said_to_be_well) {
  const auto outcome = [](const std::function<std::string(int)>& program,
                          const std::string& metric) {
    const Repo repo(program);
    const ProcessResult result = repo.bisect({"--metric", metric});
    return std::pair(result.exit_code, repo.result()["headline"].get<std::string>());
  };
  const auto unclear = [&](const std::function<std::string(int)>& program,
                           const std::string& metric, const std::string& message) {
    const auto [code, headline] = outcome(program, metric);
    EXPECT_EQ(code, 3) << headline;
    EXPECT_NE(headline.find(message), std::string::npos) << headline;
  };
  unclear([](int) { return "kill -SEGV $$"; }, "status", "the good end did not run");
  unclear([](int n) { return n < 9 ? status_row(false) : row("case_id,status", "other,PASS"); },
          "status", "no row that 'x' is found in");
  unclear([](int n) { return row("case_id,status", n < 9 ? "x,PASS" : "x,SKIP"); }, "status",
          "1 have one at the good end alone, the first x");
  unclear([](int) { return status_row(false); }, "error", "0 have a value of 'error' at both");
  unclear([](int) { return row("case_id,status", "x,pass"); }, "status",
          "0 have a value of 'status'");
  unclear([](int n) { return row("case_id,status", n < 9 ? "x,PASS" : "x,PASS,1"); }, "status",
          "has 3 cells, and the header 2");
}

TEST(commits, a_build_that_ran_out_of_time_is_built_again_with_more) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  const std::string build =
      "sleep 1; mkdir -p \"$ASSAY_BUILD_DIR/bin\" && cp program \"$ASSAY_BUILD_DIR/bin/\"";
  const ProcessResult hasty =
      repo.bisect({"--metric", "status", "--build-command", build, "--build-timeout", "0.2"});
  EXPECT_EQ(hasty.exit_code, 2);
  EXPECT_NE(hasty.err.find("not built within 0.2 s"), std::string::npos) << hasty.err;
  EXPECT_EQ(repo.bisect({"--metric", "status", "--build-command", build}).exit_code, 0);
  EXPECT_EQ(repo.result()["commit"]["sha"], repo.sha(5));
  EXPECT_EQ(repo.bisect({"--metric", "status", "--run-timeout", "nan"}).exit_code, 2);
}

TEST(commits, a_damaged_log_is_not_gone_on_with) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  ASSERT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  const fs::path log = fs::directory_iterator(repo.work() / "steps")->path();
  const auto lines = lines_of(reports::read_file(log));
  for (const std::string bad :
       {R"({"kind":"ends","numbers":"","watches":[]})", R"({"kind":"ends"})", R"({"kind":7})"}) {
    std::ofstream(log) << lines.front() << "\n" << bad << "\n";
    const ProcessResult result = repo.bisect({"--metric", "status", "--resume"});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_NE(result.err.find("start without --resume"), std::string::npos) << result.err;
  }
}

TEST(commits, a_dry_run_counts_and_does_nothing) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  const ProcessResult result = repo.bisect({"--metric", "status", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("commits: 64"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("at most 6"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("at most 8: 2 of the ends"), std::string::npos) << result.out;
  EXPECT_EQ(repo.builds(), 0u);
  EXPECT_FALSE(fs::exists(repo.work()));
  // Of what a killed run left it takes nothing.
  ASSERT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  fs::create_directories(repo.work() / "builds/1.partial");
  EXPECT_EQ(repo.bisect({"--metric", "status", "--dry-run"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(repo.work() / "builds/1.partial"));
}

TEST(commits, builds_made_beforehand_are_used) {
  const Repo repo([](int n) { return n == 7 ? "" : status_row(n >= 60); });
  std::vector<std::string> argv = repo.argv({"--slots", "3"});
  argv[1] = "build-all";
  for (const char* name : {"--case", "--json", "--run-command"}) {
    const auto at = std::ranges::find(argv, name);
    argv.erase(at, at + 2);
  }
  argv.insert(argv.end(), {"--metric", "status"});
  const ProcessResult all = run_process({.argv = argv});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_NE(all.out.find("64 commits built, 1 do not build"), std::string::npos) << all.out;
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_EQ(repo.result()["commit"]["sha"], repo.sha(60));
  EXPECT_EQ(repo.builds(), 64u);
}

// As a person's own: configured by preset, built by ninja, its program asked for its cases. Of nine
// commits all but one change a comment: two programs, which are listed once each.
TEST(commits, of_cmake_with_programs_that_are_mostly_the_same) {
  const TemporaryFolder folder;
  const fs::path lists = folder.path() / "lists";
  const std::string program = R"(
#include <fstream>
#include <iostream>
#include <string>
int main(int argc, char** argv) {
  std::string csv;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--gtest_list_tests") {
      std::ofstream(LISTS, std::ios::app) << "listed\n";
      std::cout << "x.\n  y\n";
      return 0;
    }
    if (word == "--csv") csv = argv[i + 1];
  }
  std::ofstream(csv) << "case_id,status,version\nx.y,STATUS,v1\n";
})";
  std::vector<Files> commits;
  for (int i = 0; i <= 8; ++i) {
    commits.push_back(
        {{"CMakePresets.json",
          R"({"version": 3, "configurePresets": [{"name": "emulated", "generator": "Ninja"}]})"},
         {"CMakeLists.txt",
          fmt::format("cmake_minimum_required(VERSION 3.20)\nproject(p CXX)\n"
                      "add_executable(verify verify.cpp)\n"
                      "set_target_properties(verify PROPERTIES RUNTIME_OUTPUT_DIRECTORY "
                      "${{CMAKE_BINARY_DIR}}/bin)\n"
                      "target_compile_definitions(verify PRIVATE LISTS=\"{}\")\n",
                      lists.string())},
         {"verify.cpp",
          fmt::format("// {}\n", i) +
              std::regex_replace(program, std::regex("STATUS"), i < 5 ? "PASS" : "FAIL")},
         {"ci/libtorch.version", "1\n"},
         {"suites/golden/none", ""},
         {"reference/checkpoint/none", ""}});
  }
  const std::vector<std::string> shas = make_history(folder.path() / "repository", commits);
  const fs::path result = folder.path() / "result.json";
  const ProcessResult found =
      run_process({.argv = {ASSAY_BISECT, "commits", "--repository", folder.path() / "repository",
                            "--good", shas.front(), "--bad", "main", "--case", "x.y", "--metric",
                            "status", "--work-dir", folder.path() / "work", "--json", result}});
  ASSERT_EQ(found.exit_code, 0) << found.out << found.err;
  EXPECT_EQ(json::parse(reports::read_file(result))["commit"]["sha"], shas[5]);
  EXPECT_EQ(lines_of(reports::read_file(lists)).size(), 2u);
}

}  // namespace
}  // namespace assay::bisect
