#include "kernels/device/launch_log.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "kernels/device/error.h"

namespace assay {
namespace {

struct Entry {
  const void* kernel;
  LaunchedKernel launched;
};

std::atomic<bool> logging{false};  // asked at every launch, so apart from the lock
std::mutex mutex;
std::vector<Entry>& entries() {
  static auto* instance = new std::vector<Entry>;
  return *instance;
}

}  // namespace

LaunchLog::LaunchLog() {
  const std::lock_guard lock(mutex);
  if (logging) throw Error("launches are being logged already; end that LaunchLog first");
  entries().clear();
  logging = true;
}

LaunchLog::~LaunchLog() { logging = false; }

std::vector<LaunchedKernel> LaunchLog::kernels() const {
  const std::lock_guard lock(mutex);
  std::vector<LaunchedKernel> all;
  for (const Entry& entry : entries()) all.push_back(entry.launched);
  return all;
}

void detail::log_launch(const char* name, const void* kernel, int block_threads,
                        std::size_t dynamic_shared_bytes) {
  if (!logging) return;
  const std::lock_guard lock(mutex);
  const bool known = std::any_of(entries().begin(), entries().end(), [&](const Entry& entry) {
    const LaunchedKernel& l = entry.launched;
    return entry.kernel == kernel && l.block_threads == block_threads &&
           l.dynamic_shared_bytes == dynamic_shared_bytes && l.name == name;
  });
  if (known) return;
  LaunchedKernel launched;
  launched.name = name;
  launched.block_threads = block_threads;
  launched.dynamic_shared_bytes = dynamic_shared_bytes;
  describe_kernel(launched, kernel);
  entries().push_back({kernel, std::move(launched)});
}

}  // namespace assay
