// The operands of a case as often as timing needs them: once to find them in the cache, or so often
// that each has left the cache when its turn comes again.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/device/buffer.h"
#include "suites/case.h"
#include "suites/operand_buffers.h"

namespace assay::suites {

/// What the sizes of a device allow.
struct CacheLimits {
  std::size_t l2_bytes = 0;      // 0: no cache to speak of, as on the emulated device
  std::size_t memory_bytes = 0;  // that input sets may take
};
CacheLimits cache_limits();

/// How a case is timed, as in the column `cache`, and on how many input sets.
struct CacheMode {
  std::string name;  // cold or warm
  std::size_t sets = 1;
};

/// How many sets in turn touch twice the L2 cache, so that none is found in it: at least 1.
double sets_to_be_cold(double touched_bytes, std::size_t l2_bytes);

/// `touched_bytes` are those that one execution moves at the least, `set_bytes` those of all
/// operands: a word embedding touches little of a large table.
///
/// cold: as many sets as touch twice the L2 cache together, used in turn. Left out where memory is
/// too small for that, or where it would take more than 512: what is that small was written just
/// before in a forward pass, and is in the cache. warm: one set, where it touches half of the L2
/// cache at most and so stays there; or where there is no cold.
std::vector<CacheMode> cache_modes(double touched_bytes, std::size_t set_bytes,
                                   const CacheLimits& limits);
std::vector<CacheMode> cache_modes(const Case& c);

/// Bytes of one input set: all operands of a case, each at a multiple of 256.
std::size_t set_bytes(const Case& c);

/// `count` copies of a case's operands in one allocation.
class InputSets {
 public:
  /// Outputs and scratch are left as allocated.
  InputSets(const Case& c, const DeviceInputs& inputs, std::size_t count, const Stream& stream);

  /// Pointers for Case::launch, for each set.
  const std::vector<Pointers>& pointers() const { return pointers_; }

 private:
  DeviceBuffer<unsigned char> memory_;
  std::vector<Pointers> pointers_;
};

}  // namespace assay::suites
