#ifndef ASSAY_TRACED
#define ASSAY_TRACED  // for tools that read this file without the traced build's flags
#endif

#include "kernels/device/emulated/traced/block_trace.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>

#include "kernels/device/emulated/block.h"
#include "kernels/device/emulated/traced/host_memory.h"
#include "kernels/device/emulated/traced/source_line.h"
#include "kernels/device/error.h"

namespace assay::emulated::traced {

__thread Lane* current_lane = nullptr;

namespace {

constexpr std::size_t CACHED = 256;
constexpr std::size_t MOST_THREADS = 1024;
constexpr std::size_t LOG_BYTES =
    MOST_THREADS * LaneLog::CAPACITY * 2 * sizeof(std::uint64_t);  // touched as it fills

// The launch that is running: there is one at a time.
struct CurrentLaunch {
  std::uint32_t generation = 0;
  bool parallel = false;
  std::string kernel;
  Releases releases;
  std::mutex mutex;
  Work work;
};
CurrentLaunch& current_launch() {
  static auto* instance = new CurrentLaunch;
  return *instance;
}

struct Totals {
  std::mutex mutex;
  std::map<std::string, Work> by_kernel;
};
Totals& totals() {
  static auto* instance = new Totals;
  return *instance;
}

std::string to_string(const uint3& v) {
  return "(" + std::to_string(v.x) + ", " + std::to_string(v.y) + ", " + std::to_string(v.z) + ")";
}

std::string bytes_text(std::size_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

const char* verb(Access access) {
  return access == Access::kRead    ? "read"
         : access == Access::kWrite ? "wrote"
                                    : "atomically updated";
}

}  // namespace

void begin_launch(const std::string& kernel, bool parallel) {
  CurrentLaunch& launch = current_launch();
  ++launch.generation;
  launch.parallel = parallel;
  launch.kernel = kernel;
  launch.releases.clear();
  launch.work = Work{};
}

void end_launch(bool good) {
  CurrentLaunch& launch = current_launch();
  if (!good) return;
  launch.work.launches = 1;
  const std::lock_guard lock(totals().mutex);
  totals().by_kernel[launch.kernel] += launch.work;
}

BlockTrace::BlockTrace() : cache_(CACHED) {
  void* mapping = mmap(nullptr, LOG_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw Error("no memory to trace a block");
  log_memory_ = static_cast<std::uint64_t*>(mapping);
}

BlockTrace::~BlockTrace() { munmap(log_memory_, LOG_BYTES); }

void BlockTrace::start(std::uint64_t block, int threads, const char* arena,
                       std::size_t arena_bytes) {
  const auto count = static_cast<std::size_t>(threads);
  block_ = block;
  interval_ = 1;
  ++shared_generation_;
  arena_ = reinterpret_cast<std::uintptr_t>(arena);
  arena_bytes_ = arena_bytes;
  if (shared_shadow_ == nullptr) shared_shadow_ = std::make_unique<Shadow>(arena_bytes);
  shared_.clear();
  last_shared_ = nullptr;
  taken_.clear();
  work_ = Work{};
  warps_.resize((count + 31) / 32);
  for (WarpClocks& warp : warps_) warp.reset();
  lanes_.resize(count);
  logs_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    logs_[i].keys = log_memory_ + i * 2 * LaneLog::CAPACITY;
    logs_[i].addresses = logs_[i].keys + LaneLog::CAPACITY;
    logs_[i].size = 0;
  }
}

void BlockTrace::describe_thread(int linear, const ThreadIndices* indices, const char* stack,
                                 std::size_t stack_bytes) {
  Lane& lane = lanes_[static_cast<std::size_t>(linear)];
  lane = Lane{};
  lane.block = this;
  lane.indices = indices;
  lane.stack = reinterpret_cast<std::uintptr_t>(stack);
  lane.stack_bytes = stack_bytes;
  lane.linear = linear;
  lane.order.clocks = &warps_[static_cast<std::size_t>(linear / 32)];
  lane.order.taken = &taken_;
  restamp(lane);
}

void BlockTrace::declare_shared(const char* name, const char* data, std::size_t bytes) {
  shared_.push_back({name, reinterpret_cast<std::uintptr_t>(data), bytes});
  last_shared_ = nullptr;
  const std::size_t offset = shared_.back().data - arena_;
  shared_shadow_->mark(offset, bytes, false);
}

void BlockTrace::restamp(Lane& lane) {
  lane.order.now = make_stamp(block_, static_cast<std::uint32_t>(lane.linear),
                              std::min(interval_, LAST_INTERVAL),
                              lane.order.clocks->clock(static_cast<unsigned>(lane.linear % 32)));
}

void BlockTrace::enter_kernel(int linear) {
  Lane& lane = lanes_[static_cast<std::size_t>(linear)];
  lane.in_kernel = true;
  current_lane = &lane;
}

void BlockTrace::leave_kernel(int linear) {
  lanes_[static_cast<std::size_t>(linear)].in_kernel = false;
  current_lane = nullptr;
}

const LiveMemory* BlockTrace::find_memory(std::uintptr_t address) {
  const std::uintptr_t page = address / 4096;
  CachedMemory& cached = cache_[page % CACHED];
  const std::uint32_t generation = current_launch().generation;
  if (cached.page != page || cached.generation != generation) {
    LiveMemory memory;
    if (!find_live(address, &memory)) return nullptr;
    cached = {page, generation, memory};
  }
  return &cached.memory;
}

const BlockTrace::SharedVariable* BlockTrace::find_shared(std::uintptr_t address) const {
  for (const SharedVariable& variable : shared_) {
    if (address - variable.data < variable.bytes) return &variable;
  }
  return nullptr;
}

// Looks at one access from every side but that of cost. False where it is none of the trace's
// business: a constant of the program.
bool BlockTrace::touch(Lane& lane, std::uintptr_t address, std::size_t bytes, Access access,
                       const void* site) {
  Shadow* shadow = nullptr;
  std::uintptr_t start = 0;
  std::size_t size = 0;
  std::uint32_t generation = 0;
  bool lock = false;
  if (address - arena_ < arena_bytes_) {
    if (last_shared_ == nullptr || address - last_shared_->data >= last_shared_->bytes) {
      last_shared_ = find_shared(address);
      if (last_shared_ == nullptr) report_stray(address, bytes, access, site);
    }
    if (bytes > last_shared_->data + last_shared_->bytes - address) {
      report_stray(last_shared_->data + last_shared_->bytes, bytes, access, site);
    }
    shadow = shared_shadow_.get();
    start = arena_;
    generation = shared_generation_;
  } else {
    const LiveMemory* memory = find_memory(address);
    if (memory == nullptr) {
      if (access == Access::kRead && is_program_constant(address)) return false;
      report_stray(address, bytes, access, site);
    }
    start = memory->data;
    size = memory->bytes;
    if (address - start >= size) report_stray(address, bytes, access, site);
    if (bytes > size - (address - start)) report_stray(start + size, bytes, access, site);
    shadow = memory->shadow;
    generation = current_launch().generation;
    lock = current_launch().parallel;
  }

  const std::size_t offset = address - start;
  if (access != Access::kWrite) {
    const std::size_t written = shadow->first_unwritten(offset, bytes);
    if (written < bytes) {
      report(std::string(verb(access)) + " " + bytes_text(bytes) + " at " +
             describe_place(address) + ", which nobody has written" +
             (written > 0 ? " from " + describe_place(address + written) + " on" : "") + ", at " +
             source_line(site_of(site)));
    }
  }
  const Conflict conflict =
      shadow->touch(offset, bytes, access, site_of(site), generation, lane.order, lock);
  if (conflict.found) report_race(lane, address, bytes, access, site, conflict, start);
  if (access != Access::kRead) shadow->mark(offset, bytes, true);
  return true;
}

void BlockTrace::access(Lane& lane, std::uintptr_t address, std::size_t bytes, Access access,
                        const void* site) {
  if (!touch(lane, address, bytes, access, site)) return;
  const bool shared = address - arena_ < arena_bytes_;
  const bool store = access == Access::kWrite;
  // The widest pieces that a GPU can load from there: one, for all but copies of large structs.
  while (bytes > 0) {
    const std::size_t piece = std::min<std::size_t>(
        16, std::size_t{1} << std::countr_zero(address | std::bit_floor(bytes)));
    log(lane, address, piece, shared, store, site_of(site));
    address += piece;
    bytes -= piece;
  }
}

void BlockTrace::log(Lane& lane, std::uintptr_t address, std::size_t bytes, bool shared, bool store,
                     std::uint32_t site) {
  LaneLog& log = logs_[static_cast<std::size_t>(lane.linear)];
  if (log.size == LaneLog::CAPACITY) current_runner->wait_for_log();
  log.add(site, static_cast<unsigned>(bytes), shared, store, address);
}

void BlockTrace::fence(bool block_only) {
  Lane* lane = &lanes_[static_cast<std::size_t>(current_runner->running_thread())];
  warps_[static_cast<std::size_t>(lane->linear / 32)].advance(
      static_cast<unsigned>(lane->linear % 32));
  restamp(*lane);
  lane->block_fence = lane->order.now;
  if (!block_only) lane->fence = lane->order.now;
}

void BlockTrace::before_atomic(const void* address, std::size_t bytes, const void* site) {
  Lane& lane = lanes_[static_cast<std::size_t>(current_runner->running_thread())];
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (at - lane.stack < lane.stack_bytes) return;
  touch(lane, at, bytes, Access::kAtomic, site);
  work_.atomics += 1;
  Releases& releases = current_launch().releases;
  if (lane.fence != 0) releases.release(at, {lane.fence, false}, lane.order);
  if (lane.block_fence != lane.fence) releases.release(at, {lane.block_fence, true}, lane.order);
}

void BlockTrace::after_atomic(const void* address) {
  const Lane& lane = lanes_[static_cast<std::size_t>(current_runner->running_thread())];
  current_launch().releases.take(reinterpret_cast<std::uintptr_t>(address), lane.order.now, taken_);
}

void BlockTrace::flush_warp(int warp) {
  const int first = warp * 32;
  const int count = std::min(32, static_cast<int>(lanes_.size()) - first);
  requests_.count(work_, &logs_[static_cast<std::size_t>(first)], count);
}

void BlockTrace::open_barrier() {
  work_.barriers += 1;
  interval_ += 1;
  for (std::size_t warp = 0; warp < warps_.size(); ++warp) {
    flush_warp(static_cast<int>(warp));
    warps_[warp].reset();
  }
  for (Lane& lane : lanes_) restamp(lane);
}

void BlockTrace::meet(int warp, unsigned mask, bool whole, WarpOp op) {
  if (op == WarpOp::kShuffle) work_.shuffles += 1;
  if (op == WarpOp::kWideShuffle) work_.shuffles += 2;
  if (whole) flush_warp(warp);
  if (op != WarpOp::kSync) return;  // the others exchange values, and order no memory
  warps_[static_cast<std::size_t>(warp)].sync(mask, whole);
  const std::size_t first = static_cast<std::size_t>(warp) * 32;
  for (std::size_t i = first; i < std::min(first + 32, lanes_.size()); ++i) restamp(lanes_[i]);
}

void BlockTrace::finish() {
  for (std::size_t warp = 0; warp < warps_.size(); ++warp) flush_warp(static_cast<int>(warp));
  const std::lock_guard lock(current_launch().mutex);
  current_launch().work += work_;
}

void BlockTrace::report(const std::string& what) { current_runner->fail(what); }

void BlockTrace::report_stray(std::uintptr_t address, std::size_t bytes, Access access,
                              const void* site) {
  if (current_runner->stack_overflow_at(reinterpret_cast<const char*>(address))) {
    report("overflowed its stack: large local arrays or deep recursion");
  }
  report((access == Access::kRead ? "read " : "wrote to ") + describe_stray(address) + ", in " +
         (access == Access::kRead ? "a load of " : "a store of ") + bytes_text(bytes) + ", at " +
         source_line(site_of(site)));
}

void BlockTrace::report_race(const Lane& lane, std::uintptr_t address, std::size_t bytes,
                             Access access, const void* site, const Conflict& conflict,
                             std::uintptr_t start) {
  const bool other_block = block_of(conflict.stamp) != block_of(lane.order.now);
  const ThreadIndices& me = *lane.indices;
  const unsigned other = thread_of(conflict.stamp);
  const uint3 thread{other % me.block_dim.x, other / me.block_dim.x % me.block_dim.y,
                     other / me.block_dim.x / me.block_dim.y};
  std::string who = "thread " + to_string(thread);
  if (other_block) {
    const unsigned b = block_of(conflict.stamp);
    who += " of block " + to_string(uint3{b % me.grid_dim.x, b / me.grid_dim.x % me.grid_dim.y,
                                          b / me.grid_dim.x / me.grid_dim.y});
  }
  report(std::string(verb(access)) + " " + bytes_text(bytes) + " at " + describe_place(address) +
         ", at " + source_line(site_of(site)) + ", and " + who + " " + verb(conflict.access) + " " +
         describe_place(start + conflict.offset) + ", at " + source_line(conflict.site) +
         (other_block ? ": a race between blocks of one launch"
          : me.thread_idx.x +
                      me.block_dim.x * (me.thread_idx.y + me.block_dim.y * me.thread_idx.z) / 32 ==
                  other / 32
              ? ": a race, no barrier or __syncwarp between them"
              : ": a race, no barrier between them"));
}

std::string BlockTrace::describe_place(std::uintptr_t address) const {
  if (address - arena_ >= arena_bytes_) return describe_inside(address);
  const SharedVariable* variable = find_shared(address);
  return "offset " + std::to_string(address - variable->data) + " of a shared variable of " +
         bytes_text(variable->bytes) + ", '" + variable->name + "'";
}

std::string BlockTrace::describe_stray(std::uintptr_t address) const {
  if (address - arena_ >= arena_bytes_) {
    const std::string where = describe_address(address);
    if (!where.empty()) return where;
    char text[32];
    std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(address));
    return std::string("address ") + text + ", which is no device memory";
  }
  // The nearest end of a variable.
  const SharedVariable* nearest = nullptr;
  std::uintptr_t distance = 0;
  for (const SharedVariable& variable : shared_) {
    const std::uintptr_t d = address < variable.data ? variable.data - address
                                                     : address - variable.data - variable.bytes;
    if (nearest != nullptr && d >= distance) continue;
    nearest = &variable;
    distance = d;
  }
  if (nearest == nullptr) return "shared memory where no variable is";
  return bytes_text(distance) +
         (address < nearest->data ? " before the start of " : " past the end of ") +
         "a shared variable of " + bytes_text(nearest->bytes) + ", '" + nearest->name + "'";
}

}  // namespace assay::emulated::traced

namespace assay {

bool counts_work() { return true; }

void reset_work() {
  const std::lock_guard lock(emulated::traced::totals().mutex);
  emulated::traced::totals().by_kernel.clear();
}

std::map<std::string, Work> work_by_kernel() {
  const std::lock_guard lock(emulated::traced::totals().mutex);
  return emulated::traced::totals().by_kernel;
}

}  // namespace assay
