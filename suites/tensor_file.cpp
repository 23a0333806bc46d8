#include "suites/tensor_file.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "engine/safetensors.h"
#include "kernels/device/error.h"

namespace assay::suites {
namespace {

std::string safetensors_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kI32:
      return "I32";
    case DType::kU8:
      return "U8";
  }
  return "?";
}

}  // namespace

void write_tensors(const std::filesystem::path& path, const std::vector<NamedDoubles>& doubles,
                   const std::vector<NamedTensor>& tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::uint64_t end = 0;
  const auto add = [&](const std::string& name, const std::string& dtype,
                       const std::vector<std::int64_t>& shape, std::uint64_t bytes) {
    header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  };
  for (const NamedDoubles& d : doubles) {
    add(d.name, d.as_float ? "F32" : "F64", d.shape, d.values->size() * (d.as_float ? 4 : 8));
  }
  for (const NamedTensor& t : tensors) {
    add(t.name, safetensors_name(t.tensor->dtype), t.tensor->shape, t.tensor->bytes.size());
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();

  OutputFile out(path);
  const auto write = [&](const void* data, std::size_t bytes) {
    out.write({static_cast<const char*>(data), bytes});
  };
  write(&length, sizeof(length));
  out.write(text);
  for (const NamedDoubles& d : doubles) {
    if (d.as_float) {
      const std::vector<float> floats(d.values->begin(), d.values->end());
      write(floats.data(), floats.size() * sizeof(float));
    } else {
      write(d.values->data(), d.values->size() * sizeof(double));
    }
  }
  for (const NamedTensor& t : tensors) write(t.tensor->bytes.data(), t.tensor->bytes.size());
  out.commit();
}

struct TensorFile::Mapped {
  SafetensorsFile file;
};

TensorFile::TensorFile(const std::filesystem::path& path)
    : mapped_(new Mapped{SafetensorsFile(path)}) {}
TensorFile::~TensorFile() = default;

std::vector<double> TensorFile::doubles(const std::string& name,
                                        std::vector<std::int64_t>* shape) const {
  const auto found = mapped_->file.tensors().find(name);
  if (found == mapped_->file.tensors().end()) {
    throw InputError(
        fmt::format("{}: there is no tensor '{}'", mapped_->file.path().string(), name));
  }
  const SafetensorsEntry& entry = found->second;
  *shape = entry.shape;
  std::vector<double> values(static_cast<std::size_t>(element_count(entry.shape)));
  if (entry.dtype_name == "F64") {
    std::memcpy(values.data(), entry.data, entry.bytes);
  } else if (entry.dtype_name == "F32") {
    std::vector<float> floats(values.size());
    std::memcpy(floats.data(), entry.data, entry.bytes);
    values.assign(floats.begin(), floats.end());
  } else {
    throw InputError(fmt::format("{}: tensor '{}': expected F64 or F32, found {}",
                                 mapped_->file.path().string(), name, entry.dtype_name));
  }
  return values;
}

}  // namespace assay::suites
