// Which accesses of one launch are ordered, and which are not: stamps that say who made an access
// and when, and the clocks that __syncwarp moves.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace assay::emulated::traced {

/// Who and when, in 64 bits: block 24 | thread 10 | barrier interval 18 | clock of the lane 12.
/// 0 is nobody: intervals are counted from 1. An interval or clock that has reached its greatest
/// value counts as ordered with everything of its block, so that very long kernels can hide a
/// race but never invent one.
using Stamp = std::uint64_t;

inline constexpr unsigned CLOCK_BITS = 12;
inline constexpr unsigned INTERVAL_BITS = 18;
inline constexpr unsigned THREAD_BITS = 10;
inline constexpr std::uint32_t LAST_CLOCK = (1u << CLOCK_BITS) - 1;
inline constexpr std::uint32_t LAST_INTERVAL = (1u << INTERVAL_BITS) - 1;

constexpr Stamp make_stamp(std::uint64_t block, std::uint32_t thread, std::uint32_t interval,
                           std::uint32_t clock) {
  return block << (THREAD_BITS + INTERVAL_BITS + CLOCK_BITS) |
         static_cast<Stamp>(thread) << (INTERVAL_BITS + CLOCK_BITS) |
         static_cast<Stamp>(interval) << CLOCK_BITS | clock;
}
constexpr std::uint32_t clock_of(Stamp s) { return static_cast<std::uint32_t>(s) & LAST_CLOCK; }
constexpr std::uint32_t interval_of(Stamp s) {
  return static_cast<std::uint32_t>(s >> CLOCK_BITS) & LAST_INTERVAL;
}
constexpr std::uint32_t thread_of(Stamp s) {
  return static_cast<std::uint32_t>(s >> (INTERVAL_BITS + CLOCK_BITS)) & 1023u;
}
constexpr std::uint32_t block_of(Stamp s) {
  return static_cast<std::uint32_t>(s >> (THREAD_BITS + INTERVAL_BITS + CLOCK_BITS));
}
constexpr bool same_thread(Stamp a, Stamp b) {
  return (a ^ b) >> (INTERVAL_BITS + CLOCK_BITS) == 0;
}
constexpr bool same_warp(Stamp a, Stamp b) {
  return (a ^ b) >> (INTERVAL_BITS + CLOCK_BITS + 5) == 0;
}

/// The lanes of one warp within a barrier interval: vector clocks, kept short while every
/// __syncwarp names the whole warp.
class WarpClocks {
 public:
  /// After a barrier of the block: all lanes know of everything before.
  void reset();
  /// A __syncwarp of the lanes in `mask`; `whole` if these are all of the warp.
  void sync(unsigned mask, bool whole);
  /// What lane does from now on is not covered by what it has released.
  void advance(unsigned lane);

  std::uint32_t clock(unsigned lane) const { return clock_[lane]; }
  /// Whether what `other` did at `clock` came before what `lane` does now.
  bool knows(unsigned lane, unsigned other, std::uint32_t clock) const {
    return clock == LAST_CLOCK || (partial_ ? known_[lane][other] : whole_[other]) > clock;
  }

 private:
  std::uint16_t clock_[32] = {};
  std::uint16_t whole_[32] = {};  // known to every lane
  bool partial_ = false;          // whether lanes differ in what they know: then `known_` holds it
  std::uint16_t known_[32][32];   // [lane][of other]
};

/// Order by atomics. Who executes a fence hands over what came before it with its next atomics on
/// an address; who executes an atomic on that address later takes it over.
struct Release {
  Stamp fence;      // who, and when: what came before in its block, or earlier in its thread
  bool block_only;  // __threadfence_block: of no use to other blocks
};
struct Taken {
  Release release;
  Stamp taker;  // this thread from then on, the others of its block after the next barrier
};

/// What the running thread may rely on.
struct Order {
  Stamp now = 0;
  const WarpClocks* clocks = nullptr;
  const std::vector<Taken>* taken = nullptr;  // by this block, in this launch

  /// Whether `earlier`, an access in this launch, came before what happens now.
  bool covers(Stamp earlier) const {
    if (block_of(earlier) == block_of(now)) {
      const std::uint32_t interval = interval_of(earlier);
      if (interval != interval_of(now) || interval == LAST_INTERVAL) return true;
      if (same_thread(earlier, now)) return true;
      if (same_warp(earlier, now) &&
          clocks->knows(thread_of(now) % 32, thread_of(earlier) % 32, clock_of(earlier))) {
        return true;
      }
    }
    return !taken->empty() && has_taken(earlier);
  }

 private:
  bool has_taken(Stamp earlier) const;
};

/// The releases of a launch, by the address of the atomic. Blocks on several cores share it.
class Releases {
 public:
  void clear();
  void release(std::uintptr_t address, const Release& release, const Order& order);
  /// Appends to `taken` what was released at `address`.
  void take(std::uintptr_t address, Stamp taker, std::vector<Taken>& taken);

 private:
  std::mutex mutex_;
  std::map<std::uintptr_t, std::vector<Release>> by_address_;
  std::atomic<bool> any_{false};
};

}  // namespace assay::emulated::traced
