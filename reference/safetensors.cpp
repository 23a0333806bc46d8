#include "reference/safetensors.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "kernels/device/error.h"
#include "reference/files.h"

namespace assay::reference {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct TypeName {
  const char* name;
  at::ScalarType type;
};
constexpr TypeName TYPE_NAMES[] = {{"F64", at::kDouble},    {"F32", at::kFloat}, {"F16", at::kHalf},
                                   {"BF16", at::kBFloat16}, {"I32", at::kInt},   {"U8", at::kByte}};

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw InputError(path.string() + ": " + what);
}

at::ScalarType type_of(const fs::path& path, const std::string& tensor, const std::string& name) {
  for (const TypeName& entry : TYPE_NAMES) {
    if (name == entry.name) return entry.type;
  }
  fail(path, "tensor " + tensor + " has dtype " + name + ", which the reference does not read");
}

std::string name_of(at::ScalarType type) {
  for (const TypeName& entry : TYPE_NAMES) {
    if (type == entry.type) return entry.name;
  }
  throw Error(std::string("safetensors: no name for dtype ") + c10::toString(type));
}

json parse_header(const fs::path& path, const std::string& bytes, std::uint64_t* data_start) {
  std::uint64_t length = 0;
  if (bytes.size() < sizeof(length)) {
    fail(path, "is " + std::to_string(bytes.size()) + " bytes long, too short for a header length");
  }
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > bytes.size() - sizeof(length)) {
    fail(path, "header of " + std::to_string(length) + " bytes reaches past the end of the file (" +
                   std::to_string(bytes.size()) + " bytes)");
  }
  *data_start = sizeof(length) + length;
  json header = json::parse(bytes.substr(sizeof(length), length), nullptr,
                            /*allow_exceptions=*/false);
  if (!header.is_object()) fail(path, "header is not a JSON object");
  return header;
}

at::Tensor read_one(const fs::path& path, const std::string& name, const json& entry,
                    const char* data, std::uint64_t data_bytes) {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::uint64_t> range;
  try {
    dtype = entry.at("dtype").get<std::string>();
    shape = entry.at("shape").get<std::vector<std::int64_t>>();
    range = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
  } catch (const json::exception& e) {
    fail(path, "header entry of tensor " + name + " is malformed: " + e.what());
  }
  if (range.size() != 2 || range[0] > range[1] || range[1] > data_bytes) {
    fail(path, "data offsets of tensor " + name + " do not lie within the file's " +
                   std::to_string(data_bytes) + " data bytes");
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions(type_of(path, name, dtype)));
  if (tensor.nbytes() != range[1] - range[0]) {
    fail(path, "tensor " + name + " needs " + std::to_string(tensor.nbytes()) + " bytes, has " +
                   std::to_string(range[1] - range[0]));
  }
  if (tensor.nbytes() > 0) std::memcpy(tensor.data_ptr(), data + range[0], tensor.nbytes());
  return tensor;
}

}  // namespace

TensorMap read_safetensors(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::uint64_t data_start = 0;
  const json header = parse_header(path, bytes, &data_start);
  TensorMap tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    tensors[name] =
        read_one(path, name, entry, bytes.data() + data_start, bytes.size() - data_start);
  }
  return tensors;
}

void write_safetensors(const fs::path& path, const TensorMap& tensors) {
  json header = {{"__metadata__", {{"format", "pt"}}}};  // Transformers insists on it
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
    const std::size_t begin = data.size();
    data.append(static_cast<const char*>(flat.data_ptr()), flat.nbytes());
    header[name] = {{"dtype", name_of(flat.scalar_type())},
                    {"shape", std::vector<std::int64_t>(flat.sizes().begin(), flat.sizes().end())},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts aligned
  const std::uint64_t length = text.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  write_file(path, bytes + text + data);
}

}  // namespace assay::reference
