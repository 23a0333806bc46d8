#include "kernels/device/emulated/block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/device/emulated/fault.h"
#include "kernels/device/emulated/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace assay::emulated {

__thread ThreadIndices* current_indices = nullptr;
__thread BlockRunner* current_runner = nullptr;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t STACK_BYTES = 256 * 1024;  // instrumented frames are several times larger
#else
constexpr std::size_t STACK_BYTES = 64 * 1024;
#endif
constexpr std::size_t ARENA_BYTES = 256 * 1024;
constexpr std::size_t ARENA_ALIGNMENT = 1024;  // as a GPU's, whose banks repeat every 128 bytes
constexpr std::size_t SHARED_LIMIT = 227 * 1024;
constexpr std::size_t SHARED_GUARD = 64;

// A fiber that ended or was abandoned leaves AddressSanitizer's marks of its frames behind.
void forget_frames([[maybe_unused]] const FiberStack& stack, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack.top() - bytes, bytes);
#endif
}

std::string to_string(const uint3& v) {
  return "(" + std::to_string(v.x) + ", " + std::to_string(v.y) + ", " + std::to_string(v.z) + ")";
}

std::string to_string(const CallSite& site) {
  if (site.file == nullptr) return "?";
  const char* slash = std::strrchr(site.file, '/');
  return std::string(slash != nullptr ? slash + 1 : site.file) + ":" + std::to_string(site.line);
}

void fiber_entry(boost::context::detail::transfer_t from) {
  auto* runner = static_cast<BlockRunner*>(from.data);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  runner->adopt_scheduler(from.fctx);
  runner->run_thread();
}

}  // namespace

std::string BlockRunner::run(const Launch& launch, uint3 block_idx, Random random) {
  prepare_thread_for_faults();
  start_block(launch, block_idx);
  current_runner = this;
  laggard_ = draw_laggard(random);
  const int total = static_cast<int>(threads_.size());
  while (ended_ < total && fault_.empty()) {
    std::swap(round_, next_);
    next_.clear();
    if (round_.empty()) {
      if (release_full_logs()) continue;
      if (release_barrier()) {
        laggard_ = draw_laggard(random);
        continue;
      }
      fault_ = describe_stuck();
      break;
    }
    hold_laggard_back();
    for (std::size_t i = round_.size(); i > 1; --i)
      std::swap(round_[i - 1], round_[random.below(i)]);
    for (int index : round_) {
      switch_to(threads_[static_cast<std::size_t>(index)]);
      if (!fault_.empty()) break;
    }
  }
  current_runner = nullptr;
  if (fault_.empty()) fault_ = damaged_shared();
  if (fault_.empty()) {
    trace_.finish();
    return "";
  }
  return "kernel " + launch.name + ", block " + to_string(block_idx) + ": " + fault_;
}

// One of the warps, or none every other time.
int BlockRunner::draw_laggard(Random& random) const {
  const std::size_t warps = warps_.size();
  return warps > 1 ? static_cast<int>(random.below(2 * warps)) : -1;
}

// Leaves the laggard's threads for a round in which no others can run. Were all warps to advance
// round by round, none would meet what another does several steps later.
void BlockRunner::hold_laggard_back() {
  const auto held = std::stable_partition(round_.begin(), round_.end(),
                                          [&](int index) { return index / 32 != laggard_; });
  if (held == round_.begin()) return;
  next_.insert(next_.end(), held, round_.end());
  round_.erase(held, round_.end());
}

void BlockRunner::start_block(const Launch& launch, uint3 block_idx) {
  launch_ = &launch;
  block_idx_ = block_idx;
  const dim3 size = launch.block;
  const std::size_t total = std::size_t{size.x} * size.y * size.z;
  while (stacks_.size() < total + 1) stacks_.emplace_back(STACK_BYTES);
  threads_.assign(total, {});
  if (arena_ == nullptr) {
    arena_memory_.reset(new char[ARENA_BYTES + ARENA_ALIGNMENT]);
    arena_ = arena_memory_.get() + ARENA_ALIGNMENT -
             reinterpret_cast<std::uintptr_t>(arena_memory_.get()) % ARENA_ALIGNMENT;
  }
  const std::size_t block =
      block_idx.x + launch.grid.x * (block_idx.y + std::size_t{launch.grid.y} * block_idx.z);
  trace_.start(block, static_cast<int>(total), arena_, ARENA_BYTES);
  next_.clear();
  for (std::size_t i = 0; i < total; ++i) {
    EmulatedThread& thread = threads_[i];
    forget_frames(stacks_[i], fault_.empty() ? 4096 : STACK_BYTES);
    thread.linear = static_cast<int>(i);
    thread.indices.thread_idx = {static_cast<unsigned>(i % size.x),
                                 static_cast<unsigned>(i / size.x % size.y),
                                 static_cast<unsigned>(i / size.x / size.y)};
    thread.indices.block_idx = block_idx;
    thread.indices.block_dim = size;
    thread.indices.grid_dim = launch.grid;
    thread.fiber.context =
        boost::context::detail::make_fcontext(stacks_[i].top(), stacks_[i].bytes(), &fiber_entry);
    thread.fiber.stack_bottom = stacks_[i].bottom();
    thread.fiber.stack_bytes = stacks_[i].bytes();
    trace_.describe_thread(thread.linear, &thread.indices, stacks_[i].bottom(), stacks_[i].bytes());
    next_.push_back(static_cast<int>(i));
  }
  warps_.assign((total + 31) / 32, {});
  ended_ = 0;
  at_barrier_ = 0;
  at_full_log_ = 0;
  fault_.clear();
  scheduler_ = {};
  note_own_stack(&scheduler_.stack_bottom, &scheduler_.stack_bytes);

  std::memset(arena_, POISON, std::max(arena_used_, SHARED_GUARD) + SHARED_GUARD);
  arena_used_ = 0;
  shared_.clear();
  dynamic_shared_ = nullptr;
  if (launch.shared_bytes > 0) {
    dynamic_shared_ = take_shared(launch.shared_bytes, 128);
    shared_.push_back({&dynamic_shared_, "dynamic_shared", dynamic_shared_, launch.shared_bytes});
    trace_.declare_shared("dynamic_shared", dynamic_shared_, launch.shared_bytes);
  }
}

void BlockRunner::switch_to(EmulatedThread& thread) {
  running_ = &thread;
  current_indices = &thread.indices;
  trace_.resume(thread.linear);
  switch_fiber(scheduler_, thread.fiber, this);
  trace_.pause();
  current_indices = nullptr;
}

void BlockRunner::yield() {
  EmulatedThread& self = *running_;
  switch_fiber(self.fiber, scheduler_, nullptr);
}

void BlockRunner::run_thread() {
  launch_->thread();
  trace_.leave_kernel(running_->linear);
  running_->state = ThreadState::kEnded;
  ++ended_;
  switch_fiber(running_->fiber, scheduler_, nullptr, /*from_ends=*/true);
  __builtin_unreachable();
}

void BlockRunner::fail(const std::string& what) {
  trace_.pause();
  fault_ = "thread " + to_string(running_->indices.thread_idx) + " " + what;
  switch_fiber(running_->fiber, scheduler_, nullptr, /*from_ends=*/true);
  __builtin_unreachable();
}

void BlockRunner::wake(EmulatedThread& thread) {
  thread.state = ThreadState::kRunnable;
  next_.push_back(thread.linear);
}

void BlockRunner::barrier(CallSite site) {
  running_->state = ThreadState::kAtBarrier;
  running_->site = site;
  ++at_barrier_;
  yield();
}

void BlockRunner::wait_for_log() {
  const traced::Quiet quiet;
  running_->state = ThreadState::kAtFullLog;
  ++at_full_log_;
  yield();
}

// Nothing can run before the trace has turned full logs into counts.
bool BlockRunner::release_full_logs() {
  if (at_full_log_ == 0) return false;
  at_full_log_ = 0;
  int flushed = -1;
  for (EmulatedThread& thread : threads_) {
    if (thread.state != ThreadState::kAtFullLog) continue;
    if (thread.linear / 32 != flushed) {
      flushed = thread.linear / 32;
      trace_.flush_warp(flushed);
    }
    wake(thread);
  }
  return true;
}

// All threads at one and the same barrier: let them go.
bool BlockRunner::release_barrier() {
  if (at_barrier_ != static_cast<int>(threads_.size())) return false;
  for (const EmulatedThread& thread : threads_) {
    if (!(thread.site == threads_[0].site)) return false;
  }
  at_barrier_ = 0;
  trace_.open_barrier();
  for (EmulatedThread& thread : threads_) wake(thread);
  return true;
}

std::uint64_t BlockRunner::collective(WarpOp op, unsigned mask, std::uint64_t value, int source,
                                      CallSite site) {
  EmulatedThread& self = *running_;
  const int lane = self.linear % 32;
  const int warp_start = self.linear - lane;
  const int warp_lanes = std::min(32, static_cast<int>(threads_.size()) - warp_start);
  if (warp_lanes < 32 && mask == 0xffffffffu) mask = (1u << warp_lanes) - 1;  // as hardware does
  if ((mask >> lane & 1u) == 0) {
    fail("called a warp operation at " + to_string(site) + " whose mask leaves it out");
  }
  if (warp_lanes < 32 && (mask >> warp_lanes) != 0) {
    fail("called a warp operation at " + to_string(site) +
         " whose mask names lanes that are not there");
  }

  auto& pending = warps_[static_cast<std::size_t>(self.linear / 32)];
  auto found = std::find_if(pending.begin(), pending.end(),
                            [&](const PendingCollective& p) { return p.mask == mask; });
  if (found == pending.end()) {
    pending.push_back({});
    found = std::prev(pending.end());
    found->mask = mask;
  }
  if (found->arrived == 0) found->op = op;
  if (found->op != op) {
    fail("called a warp operation at " + to_string(site) +
         " while lanes of the same mask wait at a different kind");
  }
  found->values[lane] = value;
  found->sources[lane] = source;
  found->arrived |= 1u << lane;
  if (found->arrived != mask) {
    self.state = ThreadState::kAtWarp;
    self.site = site;
    yield();
    return self.warp_result;
  }

  std::uint64_t ballot = 0;
  for (int i = 0; i < 32; ++i) {
    if ((mask >> i & 1u) != 0 && found->values[i] != 0) ballot |= 1ULL << i;
  }
  for (int i = 0; i < 32; ++i) {
    if ((mask >> i & 1u) == 0) continue;
    EmulatedThread& thread = threads_[static_cast<std::size_t>(warp_start + i)];
    switch (op) {
      case WarpOp::kSync:
        thread.warp_result = 0;
        break;
      case WarpOp::kBallot:
        thread.warp_result = ballot;
        break;
      case WarpOp::kShuffle:
      case WarpOp::kWideShuffle: {
        const int from = found->sources[i];
        const bool there = from >= 0 && from < 32 && (mask >> from & 1u) != 0;
        thread.warp_result = there ? found->values[from] : ~0ULL;
        break;
      }
    }
    if (&thread != &self) wake(thread);
  }
  found->arrived = 0;
  trace_.meet(self.linear / 32, mask, static_cast<int>(std::popcount(mask)) == warp_lanes, op);
  return self.warp_result;
}

std::string BlockRunner::describe(const EmulatedThread& thread) const {
  std::string who = to_string(thread.indices.thread_idx);
  switch (thread.state) {
    case ThreadState::kAtBarrier:
      return who + " waits at the barrier at " + to_string(thread.site);
    case ThreadState::kAtWarp:
      return who + " waits at the warp operation at " + to_string(thread.site);
    case ThreadState::kEnded:
      return who + " has returned";
    case ThreadState::kAtFullLog:
    case ThreadState::kRunnable:
      return who + " can run";
  }
  return who;
}

// Nobody can run. Names one thread for each thing that threads wait at.
std::string BlockRunner::describe_stuck() const {
  std::string text = "a barrier or warp operation that not all its threads reach:";
  std::vector<std::pair<ThreadState, CallSite>> seen;
  for (const EmulatedThread& thread : threads_) {
    const std::pair key(thread.state,
                        thread.state == ThreadState::kEnded ? CallSite{} : thread.site);
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
    seen.push_back(key);
    const auto same = std::count_if(threads_.begin(), threads_.end(), [&](const auto& other) {
      return other.state == key.first &&
             (other.state == ThreadState::kEnded || other.site == key.second);
    });
    text += "\n  " + std::to_string(same) + " of " + std::to_string(threads_.size()) +
            " threads: " + describe(thread);
  }
  return text;
}

char* BlockRunner::take_shared(std::size_t bytes, std::size_t alignment) {
  std::size_t start = arena_used_ + SHARED_GUARD;
  start = (start + alignment - 1) / alignment * alignment;
  std::size_t total = 0;
  for (const SharedVariable& variable : shared_) total += variable.bytes;
  if (total + bytes > SHARED_LIMIT || start + bytes + SHARED_GUARD > ARENA_BYTES) return nullptr;
  std::memset(arena_ + arena_used_, POISON, start + bytes + SHARED_GUARD - arena_used_);
  arena_used_ = start + bytes;
  return arena_ + start;
}

void* BlockRunner::shared_variable(const void* tag, const char* name, std::size_t bytes,
                                   std::size_t alignment) {
  for (const SharedVariable& variable : shared_) {
    if (variable.tag == tag) return variable.data;
  }
  char* data = take_shared(bytes, std::max<std::size_t>(alignment, 16));
  if (data == nullptr) {
    fail("asked for " + std::to_string(bytes) + " more bytes of shared memory than a block's " +
         std::to_string(SHARED_LIMIT));
  }
  shared_.push_back({tag, name, data, bytes});
  trace_.declare_shared(name, data, bytes);
  return data;
}

std::string BlockRunner::damaged_shared() const {
  const auto poisoned = [](const char* from, std::size_t bytes) {
    return std::all_of(from, from + bytes,
                       [](char c) { return static_cast<unsigned char>(c) == POISON; });
  };
  for (const SharedVariable& variable : shared_) {
    const std::string what = "a shared variable of " + std::to_string(variable.bytes) +
                             " bytes, '" + variable.name + "'";
    if (!poisoned(variable.data - SHARED_GUARD, SHARED_GUARD))
      return "wrote before the start of " + what;
    if (!poisoned(variable.data + variable.bytes, SHARED_GUARD))
      return "wrote past the end of " + what;
  }
  return "";
}

bool BlockRunner::stack_overflow_at(const char* address) const {
  return std::any_of(stacks_.begin(), stacks_.end(),
                     [&](const FiberStack& stack) { return stack.overflowed_at(address); });
}

char* BlockRunner::spare_stack_top() { return stacks_.back().top(); }

void enter_kernel() { current_runner->trace().enter_kernel(current_runner->running_thread()); }

void note_fence(bool block_only) {
  const traced::Quiet quiet;
  current_runner->trace().fence(block_only);
}
void before_atomic(const void* address, std::size_t bytes) {
  const traced::Quiet quiet;
  current_runner->trace().before_atomic(address, bytes, __builtin_return_address(0));
}
void after_atomic(const void* address) {
  const traced::Quiet quiet;
  current_runner->trace().after_atomic(address);
}

void block_barrier(const char* file, int line) {
  const traced::Quiet quiet;
  current_runner->barrier({file, line});
}

std::uint64_t warp_collective(WarpOp op, unsigned mask, std::uint64_t value, int source_lane,
                              const char* file, int line) {
  const traced::Quiet quiet;
  return current_runner->collective(op, mask, value, source_lane, {file, line});
}

void* shared_variable(const void* tag, const char* name, std::size_t bytes, std::size_t alignment) {
  const traced::Quiet quiet;
  return current_runner->shared_variable(tag, name, bytes, alignment);
}
void* dynamic_shared() { return current_runner->dynamic_shared(); }

}  // namespace assay::emulated
