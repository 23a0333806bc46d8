// Notices when something takes longer than it may. Work that spins cannot be cancelled from
// outside, so what happens then is the handler's business: verify completes its files and ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace assay::suites {

class Watchdog {
 public:
  /// Called on the watchdog's own thread, once for each begin() whose time ran out, with what was
  /// given to begin().
  using Handler = std::function<void(const std::string& what)>;

  /// A limit of zero: nothing is ever too late.
  Watchdog(std::chrono::duration<double> limit, Handler on_timeout);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void begin(const std::string& what);
  /// Waits for a handler that has begun.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void watch();

  const std::chrono::duration<double> limit_;
  const Handler on_timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_;
  Clock::time_point deadline_;
  bool armed_ = false;
  bool handling_ = false;
  bool leaving_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace assay::suites
