// What the three bisections share: child processes, the log of steps, the table, the result.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "ci/bisect/git.h"
#include "ci/bisect/live_table.h"
#include "ci/bisect/process.h"
#include "ci/bisect/result.h"
#include "ci/bisect/step_log.h"
#include "ci/bisect/tests/history.h"
#include "engine/tests/temporary_folder.h"
#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using assay::testing::TemporaryFolder;
using nlohmann::json;

ProcessResult shell(const std::string& script, std::optional<double> timeout_s = {}) {
  return run_process({.argv = {"sh", "-c", script}, .timeout_s = timeout_s});
}

// A process that is not there, or a zombie that nobody has waited for yet. One that was killed goes
// when the machine comes to it.
bool is_gone(pid_t pid) {
  for (int i = 0; i < 200; ++i) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    if (!std::getline(stat, text) || text.substr(text.rfind(')') + 2, 1) == "Z") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(process, output_and_exit_code) {
  const ProcessResult result = shell("echo one; echo two >&2; exit 7");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, "one\n");
  EXPECT_EQ(result.err, "two\n");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(shell("kill -9 $$").exit_code, 137);
}

TEST(process, more_output_than_a_pipe_holds) {
  EXPECT_EQ(shell("head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2").out.size(), 3000000u);
}

TEST(process, folder_environment_and_log) {
  const TemporaryFolder folder;
  const ProcessResult result =
      run_process({.argv = {"sh", "-c", "pwd; echo $ASSAY_TEST; echo err >&2"},
                   .cwd = folder.path(),
                   .environment = {{"ASSAY_TEST", "x y"}},
                   .log = folder.path() / "log"});
  EXPECT_EQ(result.out, "");
  std::ifstream log(folder.path() / "log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_EQ(text, fs::canonical(folder.path()).string() + "\nx y\nerr\n");
}

TEST(process, a_program_that_is_not_there_is_named) {
  try {
    run_process({.argv = {"assay-no-such-program"}});
    FAIL() << "it started";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("assay-no-such-program"), std::string::npos);
  }
}

TEST(process, the_timeout_ends_grandchildren_too) {
  const ProcessResult result = shell("sleep 60 & echo $!; wait", 0.3);
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.ok());
  EXPECT_LT(result.wall_s, 5);
  EXPECT_TRUE(is_gone(std::stoi(result.out)));
}

TEST(process, a_grandchild_that_stays_does_not_hold_the_parent_up) {
  const ProcessResult result = shell("sleep 2 & echo done");
  EXPECT_LT(result.wall_s, 1.5);
  EXPECT_EQ(result.out, "done\n");
}

TEST(process, an_interrupt_ends_it_and_throws) {
  const TemporaryFolder folder;
  const std::string pid_file = (folder.path() / "pid").string();
  std::thread later([&] {
    while (!fs::exists(pid_file) || fs::file_size(pid_file) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    set_interrupted(true);
  });
  EXPECT_THROW(shell("sleep 60 & echo $! > '" + pid_file + "'; wait"), Interrupted);
  later.join();
  EXPECT_THROW(throw_if_interrupted(), Interrupted);
  set_interrupted(false);
  std::ifstream file(pid_file);
  pid_t pid = 0;
  file >> pid;
  EXPECT_TRUE(is_gone(pid));
}

TEST(process, command_lines_can_be_typed) {
  EXPECT_EQ(command_line({"a", "b c", "", "it's", "--x=1"}), "a 'b c' '' 'it'\\''s' --x=1");
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc");
  EXPECT_EQ(last_lines("a\n", 2), "a");
}

// As on a full disk.
TEST(repository, a_text_that_cannot_be_written_has_no_hash) {
  const TemporaryFolder folder;
  make_history(folder.path(), {{{"file", "text"}}});
  const Repository repository(folder.path());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  EXPECT_THROW(repository.hash("text"), InputError);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_NE(repository.hash("text"), repository.hash("other"));
}

TEST(repository, lends_its_objects_whatever_they_are_named_by) {
  for (const std::string format : {"sha1", "sha256"}) {
    const TemporaryFolder folder;
    const auto shas = make_history(folder.path() / "repository",
                                   {{{"n", "0"}}, {{"n", "1"}}, {{"n", "2"}}}, format);
    const Repository repository(folder.path() / "repository");
    WorkingCopy(repository, folder.path() / "copy").checkout(shas[1]);
    EXPECT_EQ(reports::read_file(folder.path() / "copy/n"), "1");
    Walk walk(repository, folder.path() / "walk", shas[0], shas[2], false);
    EXPECT_EQ(walk.next(), shas[1]);
    walk.answer(Walk::Answer::kBad);
    EXPECT_EQ(walk.suspects(), std::vector<std::string>{shas[1]});
  }
}

std::string commits_in(const StepLog& log) {
  std::string all;
  log.for_each_earlier([&](const json& step) { all += step.at("commit").get<std::string>(); });
  return all;
}

TEST(step_log, goes_on_where_it_stopped) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "deep" / "steps.jsonl";
  const json header = {{"command", "test"}, {"case", "x"}};
  {
    StepLog log(path, header, false);
    log.append({{"commit", "a"}});
    log.append({{"commit", "b"}});
  }
  std::ofstream(path, std::ios::app) << "{\"commit\": \"cut";  // as a kill leaves it
  {
    StepLog log(path, header, true);
    EXPECT_EQ(commits_in(log), "ab");
    log.append({{"commit", "c"}});
  }
  EXPECT_EQ(commits_in(StepLog(path, header, true)), "abc");
  // Forgetting to resume loses nothing, twice neither.
  for (const char* old : {".old1", ".old2"}) {
    EXPECT_EQ(commits_in(StepLog(path, header, false)), "");
    EXPECT_TRUE(fs::exists(path.string() + old));
  }
  EXPECT_EQ(lines_of(reports::read_file(path.string() + ".old1")).size(), 4u);
}

TEST(step_log, a_damaged_step_is_named_by_its_line) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "steps.jsonl";
  {
    StepLog log(path, {{"command", "test"}}, false);
    log.append({{"commit", "a"}});
    log.append({{"commit", 7}});
  }
  try {
    commits_in(StepLog(path, {{"command", "test"}}, true));
    FAIL() << "it was taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("steps.jsonl: line 3 is damaged"), std::string::npos)
        << error.what();
  }
}

TEST(step_log, a_file_that_is_none_is_left_alone) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "p.txt";
  for (const std::string text : {"precious", "precious\n", "{\"command\":\"other\"}\n", "[1]\n"}) {
    std::ofstream(path) << text;
    for (const bool resume : {false, true})
      EXPECT_THROW(StepLog(path, {{"command", "test"}}, resume), InputError) << text;
    EXPECT_EQ(reports::read_file(path), text);
    EXPECT_FALSE(fs::exists(path.string() + ".old1"));
  }
}

TEST(step_log, another_question_is_refused_by_name) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "steps.jsonl";
  StepLog(path, {{"command", "test"}, {"case", "x"}, {"gpu", "A"}}, false);
  try {
    StepLog(path, {{"command", "test"}, {"case", "y"}, {"gpu", "A"}}, true);
    FAIL() << "another case was resumed";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("case was \"x\" and is \"y\""), std::string::npos)
        << error.what();
  }
}

TEST(live_table, plain_lines_where_there_is_no_terminal) {
  std::ostringstream out;
  {
    LiveTable table({{"commit", 8}, {"time", 6, true}, {"why", 3}}, out, false);
    table.now("building");
    table.row({"abc", "1.5"});
    table.note("note");
    table.row({"abcdefghi", "2", "slow"});
  }
  EXPECT_EQ(out.str(), "commit      time  why\nabc          1.5\nnote\nabcdefghi       2  slow\n");
}

TEST(live_table, a_terminal_sees_what_is_going_on_and_is_left_clean) {
  std::ostringstream out;
  { LiveTable({{"commit", 6}}, out, true).now("building"); }
  EXPECT_EQ(out.str(), "building\r\x1b[K");
}

TEST(live_table, durations) {
  EXPECT_EQ(duration_text(0.85), "850 ms");
  EXPECT_EQ(duration_text(12.34), "12.3 s");
  EXPECT_EQ(duration_text(245), "4 min 05 s");
  EXPECT_EQ(duration_text(7800), "2 h 10 min");
}

TEST(result, markdown_and_json) {
  Result result{.command = "bisect commits",
                .outcome = Outcome::kFound,
                .headline = "abc it was.",
                .facts = {{"commit", "abc"}},
                .tables = {{"Steps", {"commit", "time"}, {{"abc", "1 us"}}}},
                .notes = {"careful"},
                .replay = {"bisect commits --case 'x'"},
                .details = {{"commit", "abc"}}};
  const json all = to_json(result);
  EXPECT_EQ(all["exit_code"], 0);
  EXPECT_EQ(all["outcome"], "found");
  EXPECT_EQ(all["commit"], "abc");
  const std::string text = to_markdown(result);
  for (const char* part : {"## bisect commits: found", "abc it was.", "| commit", "1 us",
                           "- careful", "```\nbisect commits --case 'x'\n```"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(result, a_place_that_cannot_be_written_is_refused_and_one_that_can_is_left_as_it_was) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "result").string();
  for (const bool there : {false, true}) {
    if (there) std::ofstream(file) << "earlier";
    check_places(file, file);
    EXPECT_EQ(fs::exists(file) ? reports::read_file(file) : "", there ? "earlier" : "");
  }
  EXPECT_THROW(check_places((folder.path() / "none/result").string(), ""), InputError);
  EXPECT_THROW(check_places("", folder.path().string()), InputError);
}

// Of each command, before anything is run.
TEST(result, the_places_are_tried_at_the_start) {
  const TemporaryFolder folder;
  make_history(folder.path() / "repository", {{{"file", "1"}}, {{"file", "2"}}});
  const std::string ran = (folder.path() / "ran").string();
  const std::string touch = "touch '" + ran + "'; exit 1";
  const std::vector<std::vector<std::string>> commands = {
      {"commits", "--repository", folder.path() / "repository", "--good", "main~1", "--bad", "main",
       "--case", "x", "--metric", "status", "--work-dir", folder.path() / "work", "--build-command",
       touch},
      {"versions", "--check", touch, "--log", folder.path() / "log"},
      {"layers", "--verify", "/no/such/verify", "--log", folder.path() / "log"}};
  for (std::vector<std::string> argv : commands) {
    argv.insert(argv.begin(), ASSAY_BISECT);
    argv.insert(argv.end(), {"--json", folder.path() / "none/result"});
    const ProcessResult result = run_process({.argv = argv});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_NE(result.err.find("none/result"), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(ran)) << argv[1];
  }
}

}  // namespace
}  // namespace assay::bisect
