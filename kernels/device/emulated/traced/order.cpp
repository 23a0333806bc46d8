#include "kernels/device/emulated/traced/order.h"

#include <algorithm>
#include <cstring>

namespace assay::emulated::traced {

void WarpClocks::reset() {
  std::memset(clock_, 0, sizeof(clock_));
  std::memset(whole_, 0, sizeof(whole_));
  partial_ = false;
}

void WarpClocks::advance(unsigned lane) {
  if (clock_[lane] < LAST_CLOCK) ++clock_[lane];
}

void WarpClocks::sync(unsigned mask, bool whole) {
  if (whole) {
    for (unsigned i = 0; i < 32; ++i) {
      advance(i);
      whole_[i] = clock_[i];
    }
    partial_ = false;
    return;
  }
  if (!partial_) {
    for (auto& row : known_) std::memcpy(row, whole_, sizeof(whole_));
    partial_ = true;
  }
  std::uint16_t joined[32] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    advance(lane);
    for (unsigned i = 0; i < 32; ++i) joined[i] = std::max(joined[i], known_[lane][i]);
    joined[lane] = std::max(joined[lane], clock_[lane]);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1u) != 0) std::memcpy(known_[lane], joined, sizeof(joined));
  }
}

bool Order::has_taken(Stamp earlier) const {
  return std::any_of(taken->begin(), taken->end(), [&](const Taken& t) {
    const Stamp fence = t.release.fence;
    if (block_of(earlier) != block_of(fence)) return false;
    const bool released =
        interval_of(earlier) < interval_of(fence) ||
        (same_thread(earlier, fence) && interval_of(earlier) == interval_of(fence) &&
         clock_of(earlier) < clock_of(fence));
    return released &&
           (thread_of(t.taker) == thread_of(now) || interval_of(now) > interval_of(t.taker));
  });
}

void Releases::clear() {
  by_address_.clear();
  any_ = false;
}

void Releases::release(std::uintptr_t address, const Release& release, const Order& order) {
  const std::lock_guard lock(mutex_);
  std::vector<Release>& list = by_address_[address];
  list.push_back(release);
  // What was taken over before is handed on.
  for (const Taken& t : *order.taken) list.push_back(t.release);
  any_ = true;
}

void Releases::take(std::uintptr_t address, Stamp taker, std::vector<Taken>& taken) {
  if (!any_) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return;
  for (const Release& release : found->second) {
    if (release.block_only && block_of(release.fence) != block_of(taker)) continue;
    taken.push_back({release, taker});
  }
}

}  // namespace assay::emulated::traced
