#include "engine/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/device/error.h"

namespace assay {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

}  // namespace

const PlannedTensor& MemoryPlan::at(const std::string& name) const {
  for (const PlannedTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  throw Error(fmt::format("the memory plan has no tensor '{}'", name));
}

std::size_t MemoryPlan::unshared_bytes() const {
  std::size_t bytes = 0;
  for (const PlannedTensor& tensor : tensors) bytes += aligned(tensor.bytes);
  return bytes;
}

MemoryPlan plan_memory(std::vector<PlannedTensor> tensors) {
  MemoryPlan plan{std::move(tensors), 0};
  std::vector<std::size_t> order(plan.tensors.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return plan.tensors[a].bytes > plan.tensors[b].bytes;
  });
  std::vector<const PlannedTensor*> placed;  // by offset
  for (const std::size_t i : order) {
    PlannedTensor& tensor = plan.tensors[i];
    std::size_t offset = 0;
    for (const PlannedTensor* other : placed) {
      if (other->last_use < tensor.first_use || tensor.last_use < other->first_use) continue;
      if (other->offset >= offset + aligned(tensor.bytes)) break;  // fits in the gap before it
      offset = std::max(offset, other->offset + aligned(other->bytes));
    }
    tensor.offset = offset;
    plan.total_bytes = std::max(plan.total_bytes, offset + aligned(tensor.bytes));
    const auto after = std::upper_bound(
        placed.begin(), placed.end(), offset,
        [](std::size_t value, const PlannedTensor* other) { return value < other->offset; });
    placed.insert(after, &tensor);
  }
  return plan;
}

}  // namespace assay
