#include "suites/host_tensor.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>
#include <numeric>
#include <string>
#include <string_view>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

template <class T>
T load(const std::vector<unsigned char>& bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void store(std::vector<unsigned char>& bytes, std::size_t i, T value) {
  std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
}

}  // namespace

std::uint64_t Random::bits() {
  std::uint64_t z = (state_ += INCREMENT);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

double Random::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

double Random::normal() {
  const std::uint64_t b = bits();
  const auto part = [&](int shift) { return static_cast<double>((b >> shift) & 0xffff) + 0.5; };
  const double sum = (part(0) + part(16) + part(32) + part(48)) * 0x1p-16;  // mean 2, variance 1/3
  return (sum - 2.0) * 1.7320508075688772;
}

int Random::between(int low, int high) {
  const auto range = static_cast<std::uint64_t>(static_cast<std::int64_t>(high) - low + 1);
  return low + static_cast<int>(bits() % range);
}

std::uint64_t seed_for(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ (seed * 0x9E3779B97F4A7C15ULL);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

HostTensor::HostTensor(DType dtype_, std::vector<std::int64_t> shape_)
    : dtype(dtype_), shape(std::move(shape_)) {
  const std::int64_t elements =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  bytes.resize(static_cast<std::size_t>(elements) * size_of(dtype));
}

double HostTensor::get(std::size_t i) const {
  switch (dtype) {
    case DType::kF32:
      return static_cast<double>(load<float>(bytes, i));
    case DType::kF16:
      return static_cast<double>(__half2float(load<__half>(bytes, i)));
    case DType::kBF16:
      return static_cast<double>(__bfloat162float(load<__nv_bfloat16>(bytes, i)));
    case DType::kI32:
      return static_cast<double>(load<std::int32_t>(bytes, i));
    case DType::kU8:
      return static_cast<double>(bytes[i]);
  }
  throw Error("a tensor of unknown element type");
}

void HostTensor::set(std::size_t i, double value) {
  switch (dtype) {
    case DType::kF32:
      return store(bytes, i, static_cast<float>(value));
    case DType::kF16:
      return store(bytes, i, __double2half(value));
    case DType::kBF16:
      return store(bytes, i, __double2bfloat16(value));
    case DType::kI32:
      return store(bytes, i, static_cast<std::int32_t>(value));
    case DType::kU8:
      bytes[i] = static_cast<unsigned char>(value);
      return;
  }
}

std::vector<double> HostTensor::values() const {
  std::vector<double> all(count());
  parallel_chunks(static_cast<std::int64_t>(all.size()), ELEMENTS_AT_ONCE,
                  [&](std::int64_t first, std::int64_t count) {
                    const auto from = static_cast<std::size_t>(first);
                    const auto to = from + static_cast<std::size_t>(count);
                    for (std::size_t i = from; i < to; ++i) all[i] = get(i);
                  });
  return all;
}

Fill normal(double mean, double deviation) {
  return [=](HostTensor& tensor, Random& random) {
    draw_elements(tensor, random, 1,
                  [=](std::size_t, Random& r) { return mean + deviation * r.normal(); });
  };
}

Fill integers(int low, int high) {
  return [=](HostTensor& tensor, Random& random) {
    draw_elements(tensor, random, 1, [=](std::size_t, Random& r) { return r.between(low, high); });
  };
}

Fill values(std::vector<double> numbers) {
  return [numbers = std::move(numbers)](HostTensor& tensor, Random&) {
    if (numbers.size() != tensor.count()) {
      throw Error("a tensor of " + std::to_string(tensor.count()) + " elements was given " +
                  std::to_string(numbers.size()) + " values");
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) tensor.set(i, numbers[i]);
  };
}

}  // namespace assay::suites
