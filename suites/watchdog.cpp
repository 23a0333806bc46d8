#include "suites/watchdog.h"

#include <utility>

namespace assay::suites {

Watchdog::Watchdog(std::chrono::duration<double> limit, Handler on_timeout)
    : limit_(limit), on_timeout_(std::move(on_timeout)) {
  if (limit_.count() > 0.0) thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::begin(const std::string& what) {
  const std::lock_guard lock(mutex_);
  what_ = what;
  deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit_);
  armed_ = limit_.count() > 0.0;
  changed_.notify_all();
}

void Watchdog::end() {
  std::unique_lock lock(mutex_);
  armed_ = false;
  changed_.wait(lock, [this] { return !handling_; });
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!leaving_) {
    if (!armed_) {
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point deadline = deadline_;
    if (Clock::now() < deadline) {
      changed_.wait_until(lock, deadline);  // begin() may have moved the deadline meanwhile
      continue;
    }
    armed_ = false;
    handling_ = true;
    const std::string what = what_;
    lock.unlock();
    on_timeout_(what);
    lock.lock();
    handling_ = false;
    changed_.notify_all();
  }
}

}  // namespace assay::suites
