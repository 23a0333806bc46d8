// One .safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/device/dtype.h"

namespace assay {

using TensorShape = std::vector<std::int64_t>;

/// Product of the extents; 1 for a scalar.
std::int64_t element_count(const TensorShape& shape);

/// "(32000, 4096)".
std::string to_string(const TensorShape& shape);

/// A tensor's description, and where its bytes are mapped.
struct SafetensorsEntry {
  std::string dtype_name;  // as the file says: "BF16", "I64" ...
  TensorShape shape;
  const std::byte* data = nullptr;  // any alignment
  std::uint64_t bytes = 0;
};

/// A file mapped into memory, read-only. The constructor checks the whole header against the file:
/// lengths, offsets within the file, no overlap and no gap, sizes that match shape and dtype; it
/// throws InputError that names the file, what was expected and what was found.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, SafetensorsEntry>& tensors() const { return tensors_; }

 private:
  void map_file();
  void parse_header();

  std::filesystem::path path_;
  const std::byte* mapped_ = nullptr;
  std::uint64_t file_bytes_ = 0;
  std::map<std::string, SafetensorsEntry> tensors_;
};

struct SafetensorsWrite {
  std::string name;
  DType dtype;
  TensorShape shape;
};

/// Writes `tensors` in that order; fill(index, first, count, out) supplies elements
/// [first, first + count) of tensor `index`, and is called from several threads at once, a few MiB
/// at a time. The file gets its name when it is complete.
void write_safetensors(
    const std::filesystem::path& path, const std::vector<SafetensorsWrite>& tensors,
    const std::function<void(std::size_t, std::int64_t, std::int64_t, void*)>& fill);

}  // namespace assay
