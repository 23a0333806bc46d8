// Tensors of any dtype in one .safetensors file, for other programs to open as well.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "suites/host_tensor.h"

namespace assay::suites {

/// Doubles are written as F64 or, where each is a float, as F32.
struct NamedDoubles {
  std::string name;
  std::vector<std::int64_t> shape;
  const std::vector<double>* values;
  bool as_float = false;
};
struct NamedTensor {
  std::string name;
  const HostTensor* tensor;
};

/// The file gets its name when it is complete. Throws InputError where it cannot be written.
void write_tensors(const std::filesystem::path& path, const std::vector<NamedDoubles>& doubles,
                   const std::vector<NamedTensor>& tensors);

/// A floating tensor of the file, as doubles. Throws InputError, naming the file, for one that is
/// missing, or not F64 or F32.
class TensorFile {
 public:
  explicit TensorFile(const std::filesystem::path& path);
  ~TensorFile();
  std::vector<double> doubles(const std::string& name, std::vector<std::int64_t>* shape) const;

 private:
  struct Mapped;
  std::unique_ptr<Mapped> mapped_;
};

}  // namespace assay::suites
