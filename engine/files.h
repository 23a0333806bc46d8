// Reading whole files, and writing ones that appear under their name only when they are complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace assay {

/// The whole file. Throws InputError that names the file if it is missing or unreadable.
std::string read_text_file(const std::filesystem::path& path);

/// Parses what must be one JSON object; `where` starts the message of the InputError. Nesting that
/// no file of a model has is refused, since recursion over it would overflow the stack.
nlohmann::json parse_json_object(std::string_view text, const std::string& where);

/// The same of a whole file.
nlohmann::json read_json_object(const std::filesystem::path& path);

/// A file that gets its name from commit(). Without commit() (an exception, or the end of the
/// process by any signal) nothing is left and what was at `path` stays as it was. Until then it has
/// no name; on a file system that has no such files (NFS) it has a temporary one beside `path`,
/// which a signal leaves behind.
/// A symbolic link stays one: its target is what is replaced. What is no regular file (a device, a
/// FIFO) is written to as it is, since a rename would put a file in its place; standard output is
/// written to where it stands.
class OutputFile {
 public:
  /// Throws InputError if the file cannot be created there.
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Appends bytes. Throws Error when the disk refuses them.
  void write(std::string_view bytes);
  /// Reserves room for `bytes` in all; write_at then fills it from any thread. Regular files only.
  void resize(std::uint64_t bytes);
  void write_at(std::uint64_t offset, const void* data, std::size_t bytes);
  /// Flushes, closes and gives the file its final name.
  void commit();

  const std::filesystem::path& path() const { return path_; }

 private:
  void write_all(std::string_view bytes, const std::uint64_t* offset);

  std::filesystem::path path_;
  std::filesystem::path target_;     // path_ without symbolic links
  std::filesystem::path temporary_;  // empty where the target itself is written to
  bool has_name_ = true;             // whether temporary_ is there before commit()
  int file_ = -1;
  std::uint64_t end_ = 0;
};

}  // namespace assay
