// sweep as a process: progress, Ctrl-C in the middle, and going on from there.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "engine/tests/temporary_folder.h"
#include "kernels/device/properties.h"
#include "reports/reader.h"
#include "reports/writer.h"
#include "suites/tests/command.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using assay::testing::TemporaryFolder;

const std::string SWEEP = ASSAY_SWEEP;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A sweep that runs beside the test, its output in a file.
class Started {
 public:
  Started(const std::vector<std::string>& flags, const fs::path& output) {
    std::vector<std::string> words{SWEEP};
    words.insert(words.end(), flags.begin(), flags.end());
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(SWEEP.c_str(), arguments.data());
    ::_exit(127);
  }
  ~Started() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;

  void send(int number) const { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

// Waits for the report to have so many rows; false after a minute.
bool reaches(const fs::path& csv, std::size_t rows) {
  for (const auto start = Clock::now(); Clock::now() - start < std::chrono::minutes(1);) {
    const std::string text = text_of(csv);
    if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) > rows) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// Of what was planned, so without the ceilings of a GPU.
std::set<std::string> row_ids(const reports::Report& report) {
  std::set<std::string> ids;
  for (const reports::Row& row : report.rows) {
    if (row.text("suite") == "ceiling") continue;
    EXPECT_TRUE(ids.insert(row.text("row_id")).second) << "twice: " << row.text("case_id");
  }
  return ids;
}

const std::vector<std::string> FLAGS{
    "--ops", "rms_norm,rope,swiglu", "--phase", "decode", "--batch", "1-6"};
constexpr std::size_t LEAST_ROWS = 3 * 6 * 2;  // ops, batches, versions; more with warm caches

// The rows of FLAGS on this device, as a dry run counts them.
std::size_t rows_planned() {
  std::string command = SWEEP + " --dry-run";
  for (const std::string& flag : FLAGS) command += " " + flag;
  const std::string output = run(command).output;
  const std::size_t end = output.find(" rows of ");
  if (end == std::string::npos) return 0;
  return std::stoul(output.substr(output.rfind(' ', end - 1)));
}

void interrupt_and_resume(int number) {
  const TemporaryFolder folder;
  const fs::path csv = folder.path() / "cut.csv";
  const std::size_t planned = rows_planned();
  ASSERT_GE(planned, LEAST_ROWS);
  std::vector<std::string> flags = FLAGS;
  flags.insert(flags.end(), {"--csv", csv.string()});
  Started sweep(flags, folder.path() / "output");
  ASSERT_TRUE(reaches(csv, 8)) << text_of(folder.path() / "output");
  sweep.send(number);
  const int status = sweep.wait();
  const std::string output = text_of(folder.path() / "output");
  ASSERT_TRUE(WIFEXITED(status)) << output;
  EXPECT_EQ(WEXITSTATUS(status), 128 + number) << output;

  // What is there is whole, with its samples, and not all of it.
  const reports::Report cut = reports::read_report(csv);
  EXPECT_FALSE(cut.has_errors());
  const std::set<std::string> before = row_ids(cut);
  EXPECT_GE(before.size(), 4u);
  ASSERT_NE(output.find(" rows are in " + csv.string() + ". To go on:"), std::string::npos)
      << output;
  const std::size_t counted = output.find("sweep: stopped; ");
  ASSERT_NE(counted, std::string::npos) << output;
  const int done = std::stoi(output.substr(counted + 16));
  EXPECT_EQ(static_cast<std::size_t>(done), before.size());

  // The command that it said goes on, and measures no row twice.
  const std::size_t line = output.find('\n', output.find("To go on:")) + 1;
  const Answer rest = run(output.substr(line, output.find('\n', line) - line));
  EXPECT_EQ(rest.exit_code, 0) << rest.output;
  EXPECT_NE(rest.output.find("; " + std::to_string(done) + " more are in the report already"),
            std::string::npos)
      << rest.output;
  const reports::Report whole = reports::read_report(csv);
  const std::set<std::string> after = row_ids(whole);
  EXPECT_LT(before.size(), planned) << "it was over before it was stopped";
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
  const std::string samples = text_of(reports::samples_path(csv));
  for (const reports::Row& row : whole.rows) {
    if (row.text("status") != "PASS") continue;
    EXPECT_NE(samples.find(row.text("row_id")), std::string::npos) << row.text("case_id");
  }

  EXPECT_EQ(after.size(), planned);
}

TEST(SweepProcess, CtrlCLeavesAReportThatCanBeGoneOnWith) { interrupt_and_resume(SIGINT); }
TEST(SweepProcess, TerminationDoesToo) { interrupt_and_resume(SIGTERM); }

TEST(SweepProcess, ASecondCtrlCKills) {
  // When a kernel runs that takes seconds here, nobody outside can see: on a busy machine the first
  // one may find a place to stop before the second comes. Then later.
  int status = 0;
  for (int wait_ms = 300; wait_ms <= 4800 && !WIFSIGNALED(status); wait_ms *= 2) {
    const TemporaryFolder folder;
    const fs::path csv = folder.path() / "killed.csv";
    Started sweep({"--case", "linear/fp32/m=64,n=512,k=2048,bias=0", "--csv", csv.string()},
                  folder.path() / "output");
    ASSERT_TRUE(reaches(csv, 0));  // the header: what follows is the case
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    sweep.send(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for it to arrive
    sweep.send(SIGINT);
    status = sweep.wait();
    EXPECT_FALSE(reports::read_report(csv).has_errors());
  }
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(SweepProcess, ADryRunListsAndWritesNothing) {
  const TemporaryFolder folder;
  const fs::path csv = folder.path() / "dry.csv";
  const Answer answer = run(SWEEP + " --ops rms_norm,linear --model 7b --batch 1 --seq 16 " +
                            "--phase decode --dry-run --csv " + csv.string());
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find("rms_norm/fp16/rows=1,width=4096/v1_two_pass  0."),
            std::string::npos)
      << answer.output;
  if (properties().kind == DeviceKind::kEmulated) {
    EXPECT_NE(answer.output.find("SKIP: too large"), std::string::npos) << answer.output;
  }
  EXPECT_NE(answer.output.find(" rows of 6 cases, about "), std::string::npos) << answer.output;
  EXPECT_FALSE(fs::exists(csv));
}

const std::string ONE_CASE = SWEEP + " --case rms_norm/fp16/rows=3,width=128 --csv ";

// Else one report would hold times of two machines or builds, as those of one.
TEST(SweepProcess, AReportIsResumedByWhatBeganIt) {
  const TemporaryFolder folder;
  const fs::path csv = folder.path() / "begun.csv";
  ASSERT_EQ(run(ONE_CASE + csv.string()).exit_code, 0);
  const std::string begun = text_of(csv);
  const auto refused = [&](const std::string& flags, const std::string& why) {
    const std::string before = text_of(csv);
    expect_refused(ONE_CASE + csv.string() + " --resume" + flags, why);
    EXPECT_EQ(text_of(csv), before);
  };
  refused(" --seed 2", "its rows are of seed '1', and those of this sweep would be of '2'");
  for (const char* column : {"host_cpu", "commit", "build_flags"}) {
    std::string text = reports::header_line() + "\n";
    reports::Report report = reports::read_report(csv);
    for (reports::Row& row : report.rows) {
      text += reports::format_row(row.set(column, "another")) + "\n";
    }
    std::ofstream(csv) << text << "cut";
    refused("", "its rows are of " + std::string(column) + " 'another', and those");
    std::ofstream(csv) << begun;
  }
  fs::remove(reports::samples_path(csv));
  refused("", "begun.samples.jsonl with the samples of its times is not there; put it back");
}

TEST(SweepProcess, ADryRunLeavesWhatItWouldResume) {
  const TemporaryFolder folder;
  const fs::path csv = folder.path() / "begun.csv";
  const std::string dry = ONE_CASE + csv.string() + " --resume --dry-run";
  EXPECT_EQ(run(dry).exit_code, 0);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  ASSERT_EQ(run(ONE_CASE + csv.string()).exit_code, 0);
  const std::string begun = text_of(csv);
  const std::string cut = begun.substr(0, begun.size() - 9);
  std::ofstream(csv) << cut;
  const Answer answer = run(dry);
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find(" more are in the report already"), std::string::npos)
      << answer.output;
  EXPECT_EQ(text_of(csv), cut);
}

TEST(SweepProcess, AFilterChoosesVersionsOfACase) {
  const TemporaryFolder folder;
  const fs::path csv = folder.path() / "filtered.csv";
  const Answer answer = run(SWEEP + " --case rms_norm/fp16/rows=3,width=128 --csv " + csv.string() +
                            " --benchmark_filter=/v1_two_pass/");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  reports::Report report = reports::read_report(csv);
  std::erase_if(report.rows,
                [](const reports::Row& row) { return row.text("suite") == "ceiling"; });
  ASSERT_EQ(report.rows.size(), 1u);
  EXPECT_EQ(report.rows[0].text("version"), "v1_two_pass");
  EXPECT_EQ(report.rows[0].text("status"), "PASS");
  EXPECT_NE(report.rows[0].text("repro_cmd").find("--case 'rms_norm/fp16/rows=3,width=128'"),
            std::string::npos);
  expect_refused(SWEEP + " --csv " + csv.string() + "2 --benchmark_filter=nothing_such",
                 "no row passes --benchmark_filter");
  for (const char* filter : {"'('", "'-['"}) {
    expect_refused(SWEEP + " --csv " + csv.string() + "2 --benchmark_filter=" + filter,
                   "is no regular expression: ");
  }
  expect_refused(SWEEP + " --model 7b --ops kv_broadcast --batch 1 --csv " + csv.string() + "2",
                 "as many key and value heads");
}

}  // namespace
}  // namespace assay::suites
