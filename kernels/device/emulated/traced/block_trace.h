// The trace of one block as it runs: where its threads are, what they touch, what that costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device/emulated/memory.h"
#include "kernels/device/emulated/thread.h"
#include "kernels/device/emulated/traced/order.h"
#include "kernels/device/emulated/traced/requests.h"
#include "kernels/device/emulated/traced/shadow.h"

namespace assay::emulated::traced {

/// A launch begins; `parallel` if several cores run its blocks. At its end, its counts join the
/// total if it was good.
void begin_launch(const std::string& kernel, bool parallel);
void end_launch(bool good);

class BlockTrace;

/// One thread of a block.
struct Lane {
  BlockTrace* block = nullptr;
  const ThreadIndices* indices = nullptr;
  std::uintptr_t stack = 0;
  std::size_t stack_bytes = 0;
  int linear = 0;
  bool in_kernel = false;  // its parameters have been read: what follows is device code
  Order order;
  Stamp fence = 0;        // its last __threadfence, or 0
  Stamp block_fence = 0;  // its last fence of either kind, or 0
};

/// The lane whose device code is running on this OS thread, or null: then nothing is traced.
extern __thread Lane* current_lane;

/// Code of the device itself, called from device code.
class Quiet {
 public:
  Quiet() : lane_(current_lane) { current_lane = nullptr; }
  ~Quiet() { current_lane = lane_; }

 private:
  Lane* lane_;
};

class BlockTrace {
 public:
  BlockTrace();
  ~BlockTrace();
  BlockTrace(const BlockTrace&) = delete;
  BlockTrace& operator=(const BlockTrace&) = delete;

  /// A block begins, with all its shared memory within [arena, arena + arena_bytes).
  void start(std::uint64_t block, int threads, const char* arena, std::size_t arena_bytes);
  void describe_thread(int linear, const ThreadIndices* indices, const char* stack,
                       std::size_t stack_bytes);
  void declare_shared(const char* name, const char* data, std::size_t bytes);

  /// The scheduler's switches into and out of a thread.
  void resume(int linear) {
    Lane& lane = lanes_[static_cast<std::size_t>(linear)];
    current_lane = lane.in_kernel ? &lane : nullptr;
  }
  void pause() { current_lane = nullptr; }

  void enter_kernel(int linear);
  void leave_kernel(int linear);
  /// A load or store of device code; `site` is where it returns to.
  void access(Lane& lane, std::uintptr_t address, std::size_t bytes, Access access,
              const void* site);
  void fence(bool block_only);
  void before_atomic(const void* address, std::size_t bytes, const void* site);
  void after_atomic(const void* address);

  /// All threads have met at a barrier.
  void open_barrier();
  /// The lanes in `mask` have met, `whole` if they are all of the warp.
  void meet(int warp, unsigned mask, bool whole, WarpOp op);
  /// Nothing of the warp can run before its logs are emptied.
  void flush_warp(int warp);
  /// The block has ended well.
  void finish();

 private:
  struct SharedVariable {
    std::string name;
    std::uintptr_t data;
    std::size_t bytes;
  };
  struct CachedMemory {
    std::uintptr_t page = 0;
    std::uint32_t generation = 0;
    LiveMemory memory;
  };

  void restamp(Lane& lane);
  const LiveMemory* find_memory(std::uintptr_t address);
  const SharedVariable* find_shared(std::uintptr_t address) const;
  bool touch(Lane& lane, std::uintptr_t address, std::size_t bytes, Access access,
             const void* site);
  void log(Lane& lane, std::uintptr_t address, std::size_t bytes, bool shared, bool store,
           std::uint32_t site);

  [[noreturn]] void report(const std::string& what);
  [[noreturn]] void report_stray(std::uintptr_t address, std::size_t bytes, Access access,
                                 const void* site);
  [[noreturn]] void report_race(const Lane& lane, std::uintptr_t address, std::size_t bytes,
                                Access access, const void* site, const Conflict& conflict,
                                std::uintptr_t start);
  std::string describe_place(std::uintptr_t address) const;
  std::string describe_stray(std::uintptr_t address) const;

  std::uint64_t block_ = 0;
  std::uint32_t interval_ = 1;
  std::uint32_t shared_generation_ = 0;
  std::vector<Lane> lanes_;
  std::vector<WarpClocks> warps_;
  std::vector<Taken> taken_;
  std::vector<SharedVariable> shared_;
  const SharedVariable* last_shared_ = nullptr;
  std::uintptr_t arena_ = 0;
  std::size_t arena_bytes_ = 0;
  std::unique_ptr<Shadow> shared_shadow_;
  std::vector<CachedMemory> cache_;
  std::vector<LaneLog> logs_;
  std::uint64_t* log_memory_ = nullptr;
  RequestCounter requests_;
  Work work_;
};

}  // namespace assay::emulated::traced
