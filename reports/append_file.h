// A file that grows line by line, each line in the kernel's hands before the next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace assay::reports {

/// What to do with a file that is there already and not empty.
enum class OnExisting {
  kRefuse,     ///< InputError
  kOverwrite,  ///< empty it
  kResume,     ///< keep it and append
};

/// Every failure is an InputError with the path and the system's reason: a disk that is full or a
/// folder that may not be written is for the user to mend. A line that did not fit is taken back,
/// so that what is on disk ends with a whole line. A file has one writer at a time.
class AppendFile {
 public:
  AppendFile(std::filesystem::path path, OnExisting on_existing);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Appends `line` and a newline.
  void append_line(std::string_view line);

  /// Appends `text` as it is.
  void append(std::string_view text);

  /// Cuts the file to its first `bytes`.
  void truncate(std::uint64_t bytes);

  std::uint64_t size_bytes() const { return size_bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
};

/// The whole of a file. InputError with the path and the system's reason where it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace assay::reports
