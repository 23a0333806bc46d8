#include "kernels/device/emulated/scheduler.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "kernels/device/emulated/block.h"
#include "kernels/device/emulated/fault.h"
#include "kernels/device/emulated/memory.h"
#include "kernels/device/emulated/traced/trace.h"
#include "kernels/device/environment.h"
#include "kernels/device/error.h"

namespace assay::emulated {
namespace {

constexpr std::size_t MAX_SHARED_BYTES = 227 * 1024;  // sm_90's limit for one block
constexpr std::uint64_t MOST_WORKERS = 1024;
constexpr std::size_t WORTH_A_WORKER = 4096;  // threads in a launch

std::uint64_t& seed() {
  static std::uint64_t value =
      environment_number("ASSAY_SCHEDULE_SEED", 0, 0, std::numeric_limits<std::uint64_t>::max());
  return value;
}

// Launches since the seed was set: each has an order of its own.
std::uint64_t& launches() {
  static std::uint64_t count = 0;
  return count;
}

// A launch being run by several workers: which block is next, and what went wrong first.
class Progress {
 public:
  Progress(const Launch& launch, std::uint64_t seed_value)
      : launch_(launch),
        blocks_(std::size_t{launch.grid.x} * launch.grid.y * launch.grid.z),
        random_(seed_value) {
    // Block i of the order is (i * step + start) mod blocks, step coprime to blocks.
    start_ = random_.below(blocks_);
    do {
      step_ = 1 + random_.below(blocks_);
    } while (std::gcd(step_, blocks_) != 1);
  }

  void work(BlockRunner& runner) {
    for (std::size_t i = next_++; i < blocks_ && !failed_; i = next_++) {
      const std::size_t linear = (i * step_ + start_) % blocks_;
      const uint3 index{static_cast<unsigned>(linear % launch_.grid.x),
                        static_cast<unsigned>(linear / launch_.grid.x % launch_.grid.y),
                        static_cast<unsigned>(linear / launch_.grid.x / launch_.grid.y)};
      std::string fault = runner.run(launch_, index, Random(random_.state() + linear));
      if (!fault.empty()) {
        const std::lock_guard lock(mutex_);
        if (fault_.empty()) fault_ = std::move(fault);
        failed_ = true;
      }
    }
  }

  std::size_t blocks() const { return blocks_; }
  const std::string& fault() const { return fault_; }

 private:
  const Launch& launch_;
  std::size_t blocks_;
  Random random_;
  std::size_t start_ = 0;
  std::size_t step_ = 1;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string fault_;
};

// Threads that run blocks beside the caller. They sleep between launches.
class Workers {
 public:
  explicit Workers(int helpers) {
    for (int i = 0; i < helpers; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(Progress& progress, bool alone) {
    if (!alone && !threads_.empty()) {
      {
        const std::lock_guard lock(mutex_);
        progress_ = &progress;
        ++generation_;
        busy_ = static_cast<int>(threads_.size());
      }
      wake_.notify_all();
    }
    progress.work(own_);
    if (!alone && !threads_.empty()) {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [this] { return busy_ == 0; });
    }
  }

 private:
  void serve() {
    BlockRunner runner;
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
      Progress* progress = progress_;
      lock.unlock();
      progress->work(runner);
      lock.lock();
      if (--busy_ == 0) done_.notify_all();
    }
  }

  BlockRunner own_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Progress* progress_ = nullptr;
  std::uint64_t generation_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
};

void check_shape(const Launch& launch) {
  const auto refuse = [&](const std::string& why) {
    throw Error("kernel " + launch.name + ": cannot launch grid (" + std::to_string(launch.grid.x) +
                ", " + std::to_string(launch.grid.y) + ", " + std::to_string(launch.grid.z) +
                ") of blocks (" + std::to_string(launch.block.x) + ", " +
                std::to_string(launch.block.y) + ", " + std::to_string(launch.block.z) +
                "): " + why);
  };
  const std::size_t threads = std::size_t{launch.block.x} * launch.block.y * launch.block.z;
  if (launch.grid.x == 0 || launch.grid.y == 0 || launch.grid.z == 0) refuse("the grid is empty");
  if (threads == 0) refuse("the block is empty");
  if (threads > 1024) refuse("a block has at most 1024 threads");
  if (launch.grid.x > 0x7fffffffu) refuse("grid.x is at most 2147483647");
  if (launch.grid.y > 65535 || launch.grid.z > 65535) refuse("grid.y and grid.z are at most 65535");
  if (launch.shared_bytes > MAX_SHARED_BYTES) {
    refuse(std::to_string(launch.shared_bytes) + " bytes of shared memory; a block has at most " +
           std::to_string(MAX_SHARED_BYTES));
  }
}

}  // namespace

void set_seed(std::uint64_t value) {
  seed() = value;
  launches() = 0;
}

int worker_count() {
  static const int count = [] {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    return static_cast<int>(environment_number("ASSAY_WORKERS", cores, 1, MOST_WORKERS));
  }();
  return count;
}

void run(const Launch& launch) {
  check_shape(launch);
  install_fault_handler();
  static Workers workers(worker_count() - 1);
  static std::mutex one_at_a_time;  // as blocks of different launches would share the fibers
  const std::lock_guard lock(one_at_a_time);

  Progress progress(launch, seed() * 0x9E3779B97F4A7C15ULL + ++launches());
  const std::size_t threads = std::size_t{launch.block.x} * launch.block.y * launch.block.z;
  const bool alone = progress.blocks() == 1 || progress.blocks() * threads < WORTH_A_WORKER;
  traced::begin_launch(launch.name, !alone && worker_count() > 1);
  workers.run(progress, alone);

  std::string fault = progress.fault();
  traced::end_launch(fault.empty());
  if (fault.empty()) {
    const std::string damage = find_damaged_guard();
    if (!damage.empty()) fault = "kernel " + launch.name + " " + damage;
  }
  if (!fault.empty()) {
    throw Error(fault + "\n  grid (" + std::to_string(launch.grid.x) + ", " +
                std::to_string(launch.grid.y) + ", " + std::to_string(launch.grid.z) +
                "), block (" + std::to_string(launch.block.x) + ", " +
                std::to_string(launch.block.y) + ", " + std::to_string(launch.block.z) +
                "), schedule seed " + std::to_string(seed()));
  }
}

}  // namespace assay::emulated
