#include "ci/bisect/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> stop_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A file descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read, write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw InputError(fmt::format("no pipe for a child process: {}", std::strerror(errno)));
    }
    read.reset(ends[0]);
    write.reset(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
};

std::vector<std::string> environment_of(const Process& process) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const auto same = [&](const auto& added) { return text.starts_with(added.first + "="); };
    if (std::ranges::none_of(process.environment, same)) all.push_back(text);
  }
  for (const auto& [name, value] : process.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// All that a child needs, made before fork: after it only async-signal-safe calls are allowed.
struct Plan {
  char* const* argv;
  char* const* envp;
  const char* cwd;
  int out, err, failure;
};

[[noreturn]] void become(const Plan& plan, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);  // it died before it could be told apart
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_DFL);
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0 && ::dup2(null, 0) == 0 && ::dup2(plan.out, 1) == 1 && ::dup2(plan.err, 2) == 2 &&
      (!plan.cwd || ::chdir(plan.cwd) == 0)) {
    ::execvpe(plan.argv[0], plan.argv, plan.envp);
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(plan.failure, &error, sizeof(error));
  ::_exit(127);
}

// Reads what is there. False at the end of the file.
bool drain(int fd, std::string& text) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (n == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (!ended_) end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool has_ended() {
    if (!ended_) ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    return ended_;
  }

  // The whole group: politely, then not.
  void end() {
    ::kill(-pid_, SIGTERM);
    const auto start = Clock::now();
    while (!has_ended() && seconds_since(start) < 3) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ::kill(-pid_, SIGKILL);
    if (!ended_) ended_ = ::waitpid(pid_, &status_, 0) == pid_;
  }

  int exit_code() const {
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

 private:
  pid_t pid_;
  int status_ = 0;
  bool ended_ = false;
};

void on_signal(int) { stop_asked = true; }

}  // namespace

Interrupted::Interrupted() : std::runtime_error("interrupted") {}

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;  // without SA_RESTART: waiting ends at once
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return stop_asked; }
void set_interrupted(bool value) { stop_asked = value; }
void throw_if_interrupted() {
  if (stop_asked) throw Interrupted();
}

ProcessResult run_process(const Process& process) {
  throw_if_interrupted();
  const auto start = Clock::now();
  const std::vector<std::string> environment = environment_of(process);
  const std::vector<char*> argv = pointers(process.argv);
  const std::vector<char*> envp = pointers(environment);
  const std::string cwd = process.cwd.string();
  Pipe out, err, failure;
  Descriptor log;
  if (!process.log.empty()) {
    log.reset(::open(process.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (log.get() < 0) {
      throw InputError(
          fmt::format("{}: cannot be written: {}", process.log.string(), std::strerror(errno)));
    }
  }
  const Plan plan{argv.data(),
                  envp.data(),
                  cwd.empty() ? nullptr : cwd.c_str(),
                  log.get() >= 0 ? log.get() : out.write.get(),
                  log.get() >= 0 ? log.get() : err.write.get(),
                  failure.write.get()};
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw InputError(fmt::format("no new process: {}", std::strerror(errno)));
  if (pid == 0) become(plan, self);
  ::setpgid(pid, pid);  // whoever comes first; fails harmlessly after the child's exec
  Child child(pid);
  out.write.reset();
  err.write.reset();
  failure.write.reset();

  ProcessResult result;
  bool out_open = true, err_open = true;
  // A grandchild may hold the pipes open after the child ended: what counts is the child.
  while (!child.has_ended()) {
    throw_if_interrupted();
    if (process.timeout_s && seconds_since(start) > *process.timeout_s) {
      child.end();
      result.timed_out = true;
      break;
    }
    std::array<pollfd, 2> wait{pollfd{out_open ? out.read.get() : -1, POLLIN, 0},
                               pollfd{err_open ? err.read.get() : -1, POLLIN, 0}};
    ::poll(wait.data(), wait.size(), out_open || err_open ? 20 : 1);
    if (out_open) out_open = drain(out.read.get(), result.out);
    if (err_open) err_open = drain(err.read.get(), result.err);
  }
  drain(out.read.get(), result.out);
  drain(err.read.get(), result.err);
  throw_if_interrupted();
  int error = 0;
  if (::read(failure.read.get(), &error, sizeof(error)) == sizeof(error)) {
    throw InputError(
        fmt::format("{}: cannot be started: {}", command_line(process.argv), std::strerror(error)));
  }
  result.exit_code = child.exit_code();
  result.wall_s = seconds_since(start);
  return result;
}

void end_processes_with(const std::pair<std::string, std::string>& variable) {
  using namespace std::string_literals;
  const std::string mark = "\0"s + variable.first + "=" + variable.second + "\0"s;
  for (bool any = true; any;) {
    throw_if_interrupted();
    any = false;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || pid == ::getpid()) continue;
      std::ifstream file(entry.path() / "environ", std::ios::binary);  // another user's: not ours
      const std::string environment{std::istreambuf_iterator<char>(file), {}};
      if (("\0"s + environment).find(mark) == std::string::npos) continue;
      ::kill(pid, SIGKILL);
      any = true;
    }
    if (any) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& word : argv) {
    if (!line.empty()) line += ' ';
    const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
      return std::isalnum(c) || std::strchr("_-+=./:,@%^", c);
    });
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

std::string last_lines(const std::string& text, std::size_t lines) {
  std::size_t at = text.size();
  while (at > 0 && text[at - 1] == '\n') --at;
  const std::size_t end = at;
  for (; at > 0; --at) {
    if (text[at - 1] == '\n' && --lines == 0) break;
  }
  return text.substr(at, end - at);
}

}  // namespace assay::bisect
