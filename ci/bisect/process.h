// Running other programs: git, cmake, verify, sweep.
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace assay::bisect {

/// Thrown by run_process, and by throw_if_interrupted, after SIGINT, SIGTERM or SIGHUP. Not an
/// Error: nothing but main, and destructors on the way, should stop it. `bisect` exits with 130 on
/// it.
struct Interrupted : std::runtime_error {
  Interrupted();
};

/// From now on SIGINT, SIGTERM and SIGHUP only set a flag, which run_process and
/// throw_if_interrupted turn into Interrupted, so that destructors clean up. SIGPIPE is ignored.
void install_interrupt_handler();
bool interrupted();
void throw_if_interrupted();
/// For tests: as a signal would, or not.
void set_interrupted(bool value);

struct Process {
  std::vector<std::string> argv;   ///< The program is looked for on PATH unless it has a slash.
  std::filesystem::path cwd = {};  ///< Empty: this one's.
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< Added to this one's.
  std::optional<double> timeout_s = {};  ///< Killed after it, with all that it started.
  std::filesystem::path log = {};  ///< Output is appended here instead of captured, if not empty.
};

struct ProcessResult {
  int exit_code = -1;  ///< 128 + the signal where one ended it.
  bool timed_out = false;
  std::string out;  ///< Standard output; empty where it went to a log.
  std::string err;
  double wall_s = 0;

  bool ok() const { return exit_code == 0 && !timed_out; }
};

/// Runs to the end, with an empty standard input and in a process group of its own: Ctrl-C on the
/// terminal reaches this program alone, which then ends the whole group and throws Interrupted. If
/// this program is killed, the child gets SIGTERM. Throws InputError where the program cannot be
/// started. May be called from several threads at once.
ProcessResult run_process(const Process& process);

/// Ends all processes but this one that have this variable in their environment, and returns when
/// none is left: what was started by a program that was killed, and went on without it.
void end_processes_with(const std::pair<std::string, std::string>& variable);

/// As one could type it: words quoted where the shell asks for it.
std::string command_line(const std::vector<std::string>& argv);

/// The last `lines` lines of a text, for messages.
std::string last_lines(const std::string& text, std::size_t lines);

}  // namespace assay::bisect
