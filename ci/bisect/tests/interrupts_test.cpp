// What `bisect commits` leaves when it is stopped in the middle of a build.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "ci/bisect/tests/shell_history.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;

// A bisection in the background, in the middle of building a commit.
class Background {
 public:
  // `build` writes a process id to $SLEEPER.
  explicit Background(const Repo& repo, const std::string& build = "echo $$ > $SLEEPER; sleep 60") {
    const std::string command =
        command_line(repo.argv({"--metric", "status", "--build-command",
                                "SLEEPER='" + sleeper(repo).string() + "'; " + build}));
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl("/bin/sh", "sh", "-c", ("exec " + command + " > /dev/null 2>&1").c_str(), nullptr);
      ::_exit(127);
    }
    while (!fs::exists(sleeper(repo)) || fs::file_size(sleeper(repo)) == 0) {
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) throw std::runtime_error(command + " ended");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    child_ = std::stoi(reports::read_file(sleeper(repo)));
  }
  int end(int signal) const {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Waits a little for it: a child of a killed program is told by the kernel.
  bool child_is_gone() const {
    for (int i = 0; i < 200; ++i) {
      if (::kill(child_, 0) != 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

 private:
  static fs::path sleeper(const Repo& repo) { return repo.path().parent_path() / "sleeper"; }
  pid_t pid_ = 0;
  pid_t child_ = 0;
};

TEST(commits, an_interrupt_leaves_nothing_behind) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  const std::string before = repo.state();
  const Background bisection(repo);
  EXPECT_EQ(bisection.end(SIGINT), 130);
  EXPECT_TRUE(bisection.child_is_gone());
  EXPECT_TRUE(is_tidy(repo.work()));
  EXPECT_EQ(repo.state(), before);
  // Its build may have half a file: the next run begins it anew.
  const fs::path slot = repo.work() / "slots/00";
  EXPECT_TRUE(fs::exists(slot / "building"));
  std::ofstream(slot / "source/build/bisect/half") << "ha";
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(slot / "building"));
  EXPECT_FALSE(fs::exists(slot / "source/build/bisect/half"));
}

TEST(commits, a_kill_leaves_nothing_in_the_repository_and_the_next_run_tidies_up) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  const std::string before = repo.state();
  const Background bisection(repo);
  EXPECT_EQ(bisection.end(SIGKILL), 137);
  EXPECT_TRUE(bisection.child_is_gone());
  EXPECT_EQ(repo.state(), before);
  EXPECT_FALSE(is_tidy(repo.work()));  // else the next line shows nothing
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_TRUE(is_tidy(repo.work()));
  EXPECT_EQ(repo.state(), before);
}

TEST(commits, a_build_that_outlives_a_kill_is_ended_by_the_next_run) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  // As ninja below cmake, which alone is told of the kill.
  const Background bisection(repo, "sh -c 'echo $$ > $0; exec sleep 60' $SLEEPER & wait");
  EXPECT_EQ(bisection.end(SIGKILL), 137);
  ASSERT_FALSE(bisection.child_is_gone()) << "else the next line shows nothing";
  EXPECT_EQ(repo.bisect({"--metric", "status"}).exit_code, 0);
  EXPECT_TRUE(bisection.child_is_gone());
}

TEST(commits, two_at_once_are_refused) {
  const Repo repo([](int n) { return status_row(n >= 5); });
  const Background bisection(repo);
  const ProcessResult second = repo.bisect({"--metric", "status"});
  EXPECT_EQ(second.exit_code, 2);
  EXPECT_NE(second.err.find("another bisection"), std::string::npos) << second.err;
  EXPECT_EQ(bisection.end(SIGTERM), 130);
}

}  // namespace
}  // namespace assay::bisect
