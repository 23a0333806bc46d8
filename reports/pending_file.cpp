#include "reports/pending_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
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

}  // namespace

PendingFile::PendingFile(std::filesystem::path path, std::string_view text)
    : path_(std::move(path)) {
  if (std::filesystem::is_directory(path_))
    throw InputError(fmt::format("{}: is a folder; name a file", path_.string()));
  // Beside it: a rename is whole within one file system only.
  temporary_ = path_;
  temporary_ += fmt::format(".partial-{}", ::getpid());
  try {
    AppendFile file(temporary_, OnExisting::kOverwrite);
    file.append(text);
    flush_to_disk(temporary_);
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
