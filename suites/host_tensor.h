// A tensor on the host, in the element type that a kernel will see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/parallel.h"
#include "kernels/device/dtype.h"

namespace assay::suites {

/// Deterministic random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits();
  /// As after `draws` more calls of bits().
  void skip(std::uint64_t draws) { state_ += draws * INCREMENT; }
  /// In [0, 1).
  double uniform();
  /// About normal, mean 0, standard deviation 1, within +-6.9: a sum of four uniforms.
  double normal();
  /// In [low, high].
  int between(int low, int high);

 private:
  static constexpr std::uint64_t INCREMENT = 0x9E3779B97F4A7C15ULL;
  std::uint64_t state_;
};

/// Mixes a seed with a name, so that every case draws its own numbers.
std::uint64_t seed_for(std::uint64_t seed, std::string_view name);

struct HostTensor {
  HostTensor(DType dtype_, std::vector<std::int64_t> shape_);

  std::size_t count() const { return bytes.size() / size_of(dtype); }
  /// Element i in row-major order; floating types as themselves, integers as doubles.
  double get(std::size_t i) const;
  /// Rounded to nearest even for floating types.
  void set(std::size_t i, double value);
  /// All elements.
  std::vector<double> values() const;

  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  DType dtype;
  std::vector<std::int64_t> shape;
  std::vector<unsigned char> bytes;
};

/// Draws a tensor's contents.
using Fill = std::function<void(HostTensor&, Random&)>;

/// Elements that cost a core about a millisecond to draw or compare.
constexpr std::int64_t ELEMENTS_AT_ONCE = std::int64_t{1} << 16;

/// Sets every element i to value(i, draws), on all cores. `value` draws `each` times, no more and
/// no less, so that each element gets the numbers that it would get one after the other.
template <class Value>
void draw_elements(HostTensor& tensor, Random& random, std::uint64_t each, const Value& value) {
  const auto total = static_cast<std::int64_t>(tensor.count());
  parallel_chunks(total, ELEMENTS_AT_ONCE, [&](std::int64_t first, std::int64_t count) {
    Random own = random;
    own.skip(each * static_cast<std::uint64_t>(first));
    for (std::int64_t i = first; i < first + count; ++i) {
      const auto element = static_cast<std::size_t>(i);
      tensor.set(element, value(element, own));
    }
  });
  random.skip(each * static_cast<std::uint64_t>(total));
}

/// mean + deviation * normal().
Fill normal(double mean = 0.0, double deviation = 1.0);
/// Integers in [low, high].
Fill integers(int low, int high);
/// Just these values.
Fill values(std::vector<double> numbers);

}  // namespace assay::suites
