#include "reports/pending_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "kernels/device/error.h"
#include "reports/append_file.h"

namespace assay::reports {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view what, int error) {
  throw InputError(fmt::format("{}: {}: {}", path.string(), what, std::strerror(error)));
}

void flush_to_disk(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, "cannot be opened again", errno);
  const int code = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (code != 0) fail(path, "cannot be flushed to the disk", error);
}

// The file that a rename is to replace: links are followed, as a rename would replace the link.
std::filesystem::path target_of(std::filesystem::path path) {
  constexpr int MOST_LINKS = 40;
  std::error_code ignored;
  for (int i = 0; std::filesystem::is_symlink(path, ignored); ++i) {
    const auto to = std::filesystem::read_symlink(path, ignored);
    if (i == MOST_LINKS || to.empty())
      throw InputError(fmt::format("{}: is a link that leads nowhere; name a file", path.string()));
    path = path.parent_path() / to;  // `to` alone where it is absolute
  }
  return path;
}

std::string_view kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

PendingFile::PendingFile(std::filesystem::path path, std::string_view text)
    : path_(std::move(path)) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path_, ignored))
    throw InputError(fmt::format("{}: is a folder; name a file", path_.string()));
  struct stat there {};
  const bool replaces = ::stat(path_.c_str(), &there) == 0;
  if (replaces && !S_ISREG(there.st_mode))
    throw InputError(fmt::format("{}: is {}, which cannot be replaced by a file; name a file",
                                 path_.string(), kind_of(there.st_mode)));
  path_ = target_of(path_);
  // Beside it: a rename is whole within one file system only.
  temporary_ = path_;
  temporary_ += fmt::format(".partial-{}", ::getpid());
  try {
    AppendFile file(temporary_, OnExisting::kOverwrite);
    file.append(text);
    flush_to_disk(temporary_);
    if (replaces && ::chmod(temporary_.c_str(), there.st_mode & 07777) != 0)
      fail(temporary_, "cannot be given the mode of the file it replaces", errno);
  } catch (...) {
    ::unlink(temporary_.c_str());
    throw;
  }
}

PendingFile::~PendingFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void PendingFile::commit() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(path_, "cannot be put in place", errno);
  committed_ = true;
}

void write_whole_file(const std::filesystem::path& path, std::string_view text) {
  PendingFile(path, text).commit();
}

}  // namespace assay::reports
