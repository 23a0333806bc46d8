// One block on one core: its threads as fibers, its barrier, its warps, its shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device/emulated/fiber.h"
#include "kernels/device/emulated/scheduler.h"
#include "kernels/device/emulated/traced/trace.h"

namespace assay::emulated {

/// SplitMix64 (Steele, Lea and Flood, 2014): orders threads and blocks.
class Random {
 public:
  explicit Random(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }
  std::uint64_t state() const { return state_; }

 private:
  std::uint64_t state_;
};

/// Where a thread waits, for reports.
struct CallSite {
  const char* file = nullptr;
  int line = 0;
  bool operator==(const CallSite&) const = default;
};

enum class ThreadState : std::uint8_t { kRunnable, kAtBarrier, kAtWarp, kAtFullLog, kEnded };

struct EmulatedThread {
  ThreadIndices indices{};
  FiberSide fiber;
  ThreadState state = ThreadState::kRunnable;
  CallSite site;
  std::uint64_t warp_result = 0;
  int linear = 0;
};

/// A collective that lanes of one warp are arriving at; keyed by its mask.
struct PendingCollective {
  unsigned mask = 0;
  unsigned arrived = 0;
  WarpOp op = WarpOp::kSync;
  std::uint64_t values[32] = {};
  int sources[32] = {};
};

/// Runs blocks one after the other, reusing stacks and shared memory. Belongs to one OS thread.
class BlockRunner {
 public:
  /// "" when the block ran to its end, else what went wrong, in words.
  std::string run(const Launch& launch, uint3 block_idx, Random random);

  // Called from device code, on a fiber of this runner.
  void barrier(CallSite site);
  std::uint64_t collective(WarpOp op, unsigned mask, std::uint64_t value, int source,
                           CallSite site);
  void* shared_variable(const void* tag, const char* name, std::size_t bytes,
                        std::size_t alignment);
  /// The trace has no room left for what the running thread does: waits until its warp stands
  /// still.
  void wait_for_log();
  int running_thread() const { return running_->linear; }
  traced::BlockTrace& trace() { return trace_; }
  void* dynamic_shared() const { return dynamic_shared_; }
  [[noreturn]] void fail(const std::string& what);
  void run_thread();
  /// The scheduler's side of the switch into a new fiber.
  void adopt_scheduler(boost::context::detail::fcontext_t context) { scheduler_.context = context; }
  /// A stack that no thread of this block uses, to report a stack overflow on.
  char* spare_stack_top();

  bool stack_overflow_at(const char* address) const;

 private:
  struct SharedVariable {
    const void* tag;
    const char* name;
    char* data;
    std::size_t bytes;
  };

  int draw_laggard(Random& random) const;
  void hold_laggard_back();
  void start_block(const Launch& launch, uint3 block_idx);
  void switch_to(EmulatedThread& thread);
  void yield();
  void wake(EmulatedThread& thread);
  bool release_barrier();
  bool release_full_logs();
  std::string describe_stuck() const;
  std::string describe(const EmulatedThread& thread) const;
  char* take_shared(std::size_t bytes, std::size_t alignment);
  std::string damaged_shared() const;

  const Launch* launch_ = nullptr;
  uint3 block_idx_{};
  std::vector<FiberStack> stacks_;
  std::vector<EmulatedThread> threads_;
  std::vector<int> round_;  // threads to run now, in order
  std::vector<int> next_;   // threads that became runnable meanwhile
  int laggard_ = -1;        // the warp that runs only when no other can, until the next barrier
  std::vector<std::vector<PendingCollective>> warps_;
  EmulatedThread* running_ = nullptr;
  FiberSide scheduler_;
  int ended_ = 0;
  int at_barrier_ = 0;
  int at_full_log_ = 0;
  std::string fault_;
  traced::BlockTrace trace_;

  std::unique_ptr<char[]> arena_memory_;
  char* arena_ = nullptr;  // aligned in it
  std::size_t arena_used_ = 0;
  std::vector<SharedVariable> shared_;
  char* dynamic_shared_ = nullptr;
};

/// The runner whose fiber is running on this OS thread, or null.
extern __thread BlockRunner* current_runner;

}  // namespace assay::emulated
