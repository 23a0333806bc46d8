#include "engine/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/files.h"
#include "engine/parallel.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr std::uint64_t kLengthBytes = 8;

/// Bytes of one element of a dtype of the format; 0 if the format has no such dtype.
std::uint64_t dtype_bytes(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, int>, 15> kSizes{{{"F64", 8},
                                                                     {"I64", 8},
                                                                     {"U64", 8},
                                                                     {"F32", 4},
                                                                     {"I32", 4},
                                                                     {"U32", 4},
                                                                     {"F16", 2},
                                                                     {"BF16", 2},
                                                                     {"I16", 2},
                                                                     {"U16", 2},
                                                                     {"I8", 1},
                                                                     {"U8", 1},
                                                                     {"BOOL", 1},
                                                                     {"F8_E4M3", 1},
                                                                     {"F8_E5M2", 1}}};
  for (const auto& [known, bytes] : kSizes) {
    if (known == name) return static_cast<std::uint64_t>(bytes);
  }
  return 0;
}

bool is_unsigned_list(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(),
                                         [](const json& v) { return v.is_number_unsigned(); });
}

}  // namespace

std::int64_t element_count(const TensorShape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const TensorShape& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path) {
  map_file();
  try {
    parse_header();
  } catch (...) {
    ::munmap(const_cast<std::byte*>(mapped_), file_bytes_);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() {
  if (mapped_ != nullptr) ::munmap(const_cast<std::byte*>(mapped_), file_bytes_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      file_bytes_(other.file_bytes_),
      tensors_(std::move(other.tensors_)) {}

void SafetensorsFile::map_file() {
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string reason = file < 0 ? std::strerror(errno) : "not a regular file";
    if (file >= 0) ::close(file);
    throw InputError(
        fmt::format("{}: expected a safetensors file, cannot be read: {}", path_.string(), reason));
  }
  file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  if (file_bytes_ < kLengthBytes) {
    ::close(file);
    throw InputError(
        fmt::format("{}: expected a safetensors file, which starts with 8 bytes of "
                    "header length; found {} bytes in all",
                    path_.string(), file_bytes_));
  }
  void* mapped = ::mmap(nullptr, file_bytes_, PROT_READ, MAP_PRIVATE, file, 0);
  const std::string reason = std::strerror(errno);
  ::close(file);
  if (mapped == MAP_FAILED) {
    throw Error(
        fmt::format("{}: mapping {} bytes failed: {}", path_.string(), file_bytes_, reason));
  }
  mapped_ = static_cast<const std::byte*>(mapped);
}

void SafetensorsFile::parse_header() {
  const auto fail = [this](const std::string& message) {
    throw InputError(fmt::format("{}: {}", path_.string(), message));
  };
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, mapped_, kLengthBytes);
  if (header_bytes > file_bytes_ - kLengthBytes) {
    const bool lfs = std::memcmp(mapped_, "version ", kLengthBytes) == 0;
    fail(fmt::format("header length is {} bytes, past the end of the file, which has {}: {}",
                     header_bytes, file_bytes_,
                     lfs ? "this is a Git LFS pointer, fetch the file itself"
                         : "the file is truncated or not safetensors"));
  }
  const char* text = reinterpret_cast<const char*>(mapped_ + kLengthBytes);
  const json header = parse_json_object(
      {text, header_bytes}, fmt::format("{}: header of {} bytes", path_.string(), header_bytes));

  const std::byte* data = mapped_ + kLengthBytes + header_bytes;
  const std::uint64_t data_bytes = file_bytes_ - kLengthBytes - header_bytes;
  struct Range {
    std::uint64_t begin, end;
    std::string name;
  };
  std::vector<Range> ranges;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") continue;
    const std::string what = fmt::format("tensor '{}'", name);
    if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string() ||
        !value.contains("shape") || !is_unsigned_list(value["shape"]) ||
        !value.contains("data_offsets") || !is_unsigned_list(value["data_offsets"]) ||
        value["data_offsets"].size() != 2) {
      fail(fmt::format("{}: expected dtype, shape and data_offsets [begin, end], found {}", what,
                       value.dump().substr(0, 120)));
    }
    SafetensorsEntry entry;
    entry.dtype_name = value["dtype"].get<std::string>();
    entry.shape = value["shape"].get<TensorShape>();
    const auto begin = value["data_offsets"][0].get<std::uint64_t>();
    const auto end = value["data_offsets"][1].get<std::uint64_t>();
    if (begin > end || end > data_bytes) {
      fail(
          fmt::format("{}: data_offsets [{}, {}] lie outside the {} bytes of data in the file: it "
                      "is truncated or corrupt",
                      what, begin, end, data_bytes));
    }
    const std::uint64_t item = dtype_bytes(entry.dtype_name);
    if (item == 0) fail(fmt::format("{}: unknown dtype \"{}\"", what, entry.dtype_name));
    std::uint64_t expected = item;
    for (const std::int64_t extent : entry.shape) {
      if (__builtin_mul_overflow(expected, static_cast<std::uint64_t>(extent), &expected) ||
          expected > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        fail(fmt::format("{}: shape {} is too large", what, to_string(entry.shape)));
      }
    }
    if (expected != end - begin) {
      fail(fmt::format("{}: {} of shape {} takes {} bytes, but data_offsets [{}, {}] span {}", what,
                       entry.dtype_name, to_string(entry.shape), expected, begin, end,
                       end - begin));
    }
    entry.data = data + begin;
    entry.bytes = end - begin;
    ranges.push_back({begin, end, name});
    tensors_.emplace(name, std::move(entry));
  }

  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t position = 0;
  std::string previous = "the header";
  for (const Range& range : ranges) {
    if (range.begin != position) {
      fail(fmt::format("tensor '{}' begins at offset {}, {} {}, which ends at {}", range.name,
                       range.begin, range.begin < position ? "overlapping" : "leaving a gap after",
                       previous, position));
    }
    position = range.end;
    previous = fmt::format("tensor '{}'", range.name);
  }
  if (position != data_bytes) {
    fail(fmt::format("expected {} bytes of data, as the tensors of the header take, found {}",
                     position, data_bytes));
  }
}

void write_safetensors(
    const std::filesystem::path& path, const std::vector<SafetensorsWrite>& tensors,
    const std::function<void(std::size_t, std::int64_t, std::int64_t, void*)>& fill) {
  constexpr auto kNames = [](DType dtype) {
    return dtype == DType::kF16 ? "F16" : dtype == DType::kBF16 ? "BF16" : "F32";
  };
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  std::vector<std::uint64_t> offsets;
  std::uint64_t data_bytes = 0;
  for (const SafetensorsWrite& tensor : tensors) {
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(element_count(tensor.shape)) * size_of(tensor.dtype);
    header[tensor.name] = {{"dtype", kNames(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {data_bytes, data_bytes + bytes}}};
    offsets.push_back(data_bytes);
    data_bytes += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the format asks for data aligned to 8
  const std::uint64_t length = text.size();
  std::string head(kLengthBytes, '\0');
  std::memcpy(head.data(), &length, kLengthBytes);

  OutputFile out(path);
  out.resize(kLengthBytes + length + data_bytes);
  out.write(head);
  out.write(text);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::size_t item = size_of(tensors[i].dtype);
    constexpr std::int64_t kChunk = 1 << 20;
    parallel_chunks(
        element_count(tensors[i].shape), kChunk, [&](std::int64_t first, std::int64_t n) {
          std::vector<std::byte> buffer(static_cast<std::size_t>(n) * item);
          fill(i, first, n, buffer.data());
          out.write_at(
              kLengthBytes + length + offsets[i] + static_cast<std::uint64_t>(first) * item,
              buffer.data(), buffer.size());
        });
  }
  out.commit();
}

}  // namespace assay
