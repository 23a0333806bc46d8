// The activation arena: one allocation whose parts are reused by lifetime.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace assay {

/// A tensor that lives from the op that writes it to the op that reads it last, both included.
struct PlannedTensor {
  std::string name;
  std::size_t bytes = 0;
  int first_use = 0;       // op index
  int last_use = 0;        // op index, >= first_use
  std::size_t offset = 0;  // set by plan_memory
};

struct MemoryPlan {
  std::vector<PlannedTensor> tensors;  // in the order given
  std::size_t total_bytes = 0;

  /// The tensor of that name. Throws Error where there is none.
  const PlannedTensor& at(const std::string& name) const;
  /// The bytes that separate allocations would take.
  std::size_t unshared_bytes() const;
};

/// Bytes every planned tensor begins at a multiple of: what the widest loads of any kernel need.
inline constexpr std::size_t kArenaAlignment = 256;

/// Offsets such that tensors whose lifetimes meet never share a byte. Greedy by size (Pisarchyk and
/// Lee, 2020, "Efficient Memory Management for Deep Neural Net Inference"): the largest tensor
/// first, each at the lowest gap between those already placed that it must avoid.
MemoryPlan plan_memory(std::vector<PlannedTensor> tensors);

}  // namespace assay
