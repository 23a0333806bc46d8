// Files that are there whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

namespace assay::reports {

/// Writes under a temporary name beside `path`, on the disk when the constructor returns; commit()
/// renames it. Without commit() nothing is left behind, and a file that was there before is as it
/// was. A link is followed, and a file that is replaced leaves its mode to the new one; what is
/// there and no regular file is refused. Every failure is an InputError with the path and the
/// system's reason.
class PendingFile {
 public:
  PendingFile(std::filesystem::path path, std::string_view text);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// One file: `text` at `path`, replacing what was there, or an InputError and `path` as it was.
void write_whole_file(const std::filesystem::path& path, std::string_view text);

}  // namespace assay::reports
