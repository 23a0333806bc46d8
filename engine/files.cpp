#include "engine/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "kernels/device/error.h"

namespace assay {
namespace fs = std::filesystem;

namespace {

/// Follows symbolic links to the name at their end, whether or not anything is there.
fs::path link_target(fs::path path) {
  constexpr int kMostLinks = 40;  // as the kernel's own limit; past it, opening fails and says why
  std::error_code error;
  for (int i = 0; i < kMostLinks && fs::is_symlink(path, error); ++i) {
    const fs::path next = fs::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / next;
  }
  return path;
}

/// How deep arrays and objects are nested. Of text that is not JSON, anything.
int nesting(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '[' || c == '{')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_string && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return deepest;
}

/// Whether the path leads to the file that standard output is: /dev/stdout, whose other contents
/// (of >> log, say) a rename would lose.
bool is_standard_output(const fs::path& path) {
  struct stat there {};
  struct stat output {};
  return ::stat(path.c_str(), &there) == 0 && ::fstat(STDOUT_FILENO, &output) == 0 &&
         S_ISREG(there.st_mode) && there.st_dev == output.st_dev && there.st_ino == output.st_ino;
}

/// False as well where a link's text is not the name of what it leads to: those of /proc/self/fd.
bool is_same_regular_file(const fs::path& path, const fs::path& target) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::equivalent(path, target, error);
}

/// A file of that folder without a name, which link_name() can give it; -1 where there are none.
int open_nameless(const fs::path& folder) {
  const int file =
      ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
  if (file >= 0 && ::access(fmt::format("/proc/self/fd/{}", file).c_str(), F_OK) != 0) {
    ::close(file);
    return -1;
  }
  return file;
}

int link_name(int file, const fs::path& name) {
  ::unlink(name.c_str());  // of a process with this number that a signal ended
  return ::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", file).c_str(), AT_FDCWD, name.c_str(),
                  AT_SYMLINK_FOLLOW);
}

}  // namespace

std::string read_text_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw InputError(fmt::format("{}: expected a file, found a folder", path.string()));
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw InputError(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  }
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

nlohmann::json parse_json_object(std::string_view text, const std::string& where) {
  constexpr int kDeepest = 64;
  if (nesting(text) > kDeepest) {
    throw InputError(fmt::format(
        "{}: expected a JSON object nested at most {} deep, found deeper arrays or objects", where,
        kDeepest));
  }
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    throw InputError(fmt::format("{}: expected a JSON object, found text that does not parse: {}",
                                 where, e.what()));
  }
  if (!json.is_object()) {
    throw InputError(
        fmt::format("{}: expected a JSON object, found a JSON {}", where, json.type_name()));
  }
  return json;
}

nlohmann::json read_json_object(const fs::path& path) {
  return parse_json_object(read_text_file(path), path.string());
}

OutputFile::OutputFile(fs::path path) : path_(std::move(path)), target_(link_target(path_)) {
  std::error_code ignored;
  if (fs::is_directory(path_, ignored)) {
    throw InputError(fmt::format(
        "{}: cannot be written: expected the name of a file, found a folder", path_.string()));
  }
  if (is_standard_output(path_)) {
    file_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  } else if (fs::exists(path_, ignored) && !is_same_regular_file(path_, target_)) {
    file_ = ::open(path_.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  } else {
    temporary_ = target_;
    temporary_ += fmt::format(".partial-{}", ::getpid());
    file_ = open_nameless(target_.parent_path());
    has_name_ = file_ < 0;
    if (has_name_) {
      file_ = ::open(temporary_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    }
  }
  if (file_ < 0) {
    throw InputError(
        fmt::format("{}: cannot be written: {}; give a name in a folder that exists and is "
                    "writable",
                    path_.string(), std::strerror(errno)));
  }
}

OutputFile::~OutputFile() {
  if (file_ < 0) return;
  ::close(file_);
  std::error_code ignored;
  if (!temporary_.empty() && has_name_) fs::remove(temporary_, ignored);
}

void OutputFile::write(std::string_view bytes) {
  write_all(bytes, temporary_.empty() ? nullptr : &end_);
  end_ += bytes.size();
}

void OutputFile::resize(std::uint64_t bytes) {
  if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0) {
    throw Error(
        fmt::format("{}: no room for {} bytes: {}", path_.string(), bytes, std::strerror(errno)));
  }
}

void OutputFile::write_at(std::uint64_t offset, const void* data, std::size_t bytes) {
  write_all({static_cast<const char*>(data), bytes}, &offset);
}

/// At `offset`, or, where it is null, after what was written last: a FIFO has no offsets.
void OutputFile::write_all(std::string_view bytes, const std::uint64_t* offset) {
  for (std::size_t done = 0; done < bytes.size();) {
    const std::string_view rest = bytes.substr(done);
    const ssize_t written = offset == nullptr ? ::write(file_, rest.data(), rest.size())
                                              : ::pwrite(file_, rest.data(), rest.size(),
                                                         static_cast<off_t>(*offset + done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      throw Error(fmt::format("{}: writing {} bytes at offset {} failed: {}", path_.string(),
                              rest.size(), (offset == nullptr ? end_ : *offset) + done,
                              std::strerror(errno)));
    }
    done += static_cast<std::size_t>(written);
  }
}

void OutputFile::commit() {
  const int file = std::exchange(file_, -1);
  std::error_code error;
  if (!has_name_ && link_name(file, temporary_) != 0) {
    error.assign(errno, std::generic_category());
    ::close(file);
  } else if (::close(file) != 0) {
    error.assign(errno, std::generic_category());
  } else if (!temporary_.empty()) {
    fs::rename(temporary_, target_, error);
  }
  if (error) {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove(temporary_, ignored);
    throw Error(fmt::format("{}: could not be completed: {}", path_.string(), error.message()));
  }
}

}  // namespace assay
