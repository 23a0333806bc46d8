#include "engine/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "kernels/device/error.h"

namespace assay {
namespace fs = std::filesystem;

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

nlohmann::json read_json_object(const fs::path& path) {
  const std::string text = read_text_file(path);
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    throw InputError(fmt::format("{}: expected JSON, found text that does not parse: {}",
                                 path.string(), e.what()));
  }
  if (!json.is_object()) {
    throw InputError(fmt::format("{}: expected a JSON object, found a JSON {}", path.string(),
                                 json.type_name()));
  }
  return json;
}

OutputFile::OutputFile(fs::path path) : path_(std::move(path)) {
  temporary_ = path_;
  temporary_ += fmt::format(".partial-{}", ::getpid());
  std::error_code ignored;
  if (fs::is_directory(path_, ignored)) {
    throw InputError(fmt::format(
        "{}: cannot be written: expected the name of a file, found a folder", path_.string()));
  }
  file_ = ::open(temporary_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
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
  fs::remove(temporary_, ignored);
}

void OutputFile::write(std::string_view bytes) {
  write_at(end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void OutputFile::resize(std::uint64_t bytes) {
  if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0) {
    throw Error(fmt::format("{}: no room for {} bytes: {}", temporary_.string(), bytes,
                            std::strerror(errno)));
  }
}

void OutputFile::write_at(std::uint64_t offset, const void* data, std::size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::pwrite(file_, from, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      throw Error(fmt::format("{}: writing {} bytes at offset {} failed: {}", temporary_.string(),
                              bytes, offset, std::strerror(errno)));
    }
    from += written;
    offset += static_cast<std::uint64_t>(written);
    bytes -= static_cast<std::size_t>(written);
  }
}

void OutputFile::commit() {
  const int file = std::exchange(file_, -1);
  std::error_code error;
  if (::close(file) != 0) {
    error.assign(errno, std::generic_category());
  } else {
    fs::rename(temporary_, path_, error);
  }
  if (error) {
    std::error_code ignored;
    fs::remove(temporary_, ignored);
    throw Error(fmt::format("{}: could not be completed: {}", path_.string(), error.message()));
  }
}

}  // namespace assay
