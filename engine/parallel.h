// Splitting host work over the cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace assay {

/// Calls work(first, count) for consecutive chunks of at most `chunk` out of [0, total), from as
/// many threads as there are cores; rethrows the first exception after all threads have stopped.
template <typename Work>
void parallel_chunks(std::int64_t total, std::int64_t chunk, const Work& work) {
  const std::int64_t chunks = (total + chunk - 1) / chunk;
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto run = [&] {
    try {
      for (std::int64_t i = next++; i < chunks; i = next++) {
        work(i * chunk, std::min(chunk, total - i * chunk));
      }
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
      next = chunks;
    }
  };
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (std::int64_t i = 1; i < std::min(cores, chunks); ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace assay
