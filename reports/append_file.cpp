#include "reports/append_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "kernels/device/error.h"

namespace assay::reports {
namespace {

// Takes errno's value, not errno: building a message may change it.
[[noreturn]] void fail(const std::filesystem::path& path, std::string_view what, int error) {
  throw InputError(fmt::format("{}: {}: {}", path.string(), what, std::strerror(error)));
}

// Both calls may stop short, at a signal or at a limit: go on until done or refused.
bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool read_all(int descriptor, std::string& text) {
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path, OnExisting on_existing)
    : path_(std::move(path)) {
  // Opened first and emptied later, so that a refused file is never touched.
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path_, "cannot be opened for writing", errno);
  try {
    // Until closed. File systems without locks have none to refuse.
    const bool taken = ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail(path_, "cannot be examined", errno);
    if (taken && S_ISREG(status.st_mode))  // /dev/null takes any number
      throw InputError(fmt::format(
          "{}: another program is writing to it; wait for its end, or name another file",
          path_.string()));
    size_bytes_ = static_cast<std::uint64_t>(status.st_size);
    if (size_bytes_ > 0 && on_existing == OnExisting::kRefuse)
      throw InputError(fmt::format(
          "{}: exists already ({} bytes); go on with it by --resume, remove it, or name "
          "another file",
          path_.string(), size_bytes_));
    if (size_bytes_ > 0 && on_existing == OnExisting::kOverwrite) truncate(0);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append_line(std::string_view line) {
  std::string text(line);
  text += '\n';
  append(text);
}

void AppendFile::append(std::string_view text) {
  if (!write_all(descriptor_, text)) {
    const int error = errno;
    // Best effort: a device such as /dev/full cannot be cut and has nothing to cut.
    [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, static_cast<off_t>(size_bytes_));
    fail(path_, fmt::format("writing failed after {} bytes", size_bytes_), error);
  }
  size_bytes_ += text.size();
}

void AppendFile::truncate(std::uint64_t bytes) {
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
    fail(path_, "cannot be shortened", errno);
  size_bytes_ = bytes;
}

std::string read_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, "cannot be opened", errno);
  std::string text;
  const bool whole = read_all(descriptor, text);
  const int error = errno;
  ::close(descriptor);
  if (!whole) fail(path, "cannot be read", error);
  return text;
}

}  // namespace assay::reports
