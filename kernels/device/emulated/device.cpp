// The host side of the emulated device: streams run their work at once, events read a clock, graphs
// keep what was queued and run it again.
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "kernels/device/buffer.h"
#include "kernels/device/conditions.h"
#include "kernels/device/emulated/host_work.h"
#include "kernels/device/emulated/memory.h"
#include "kernels/device/emulated/scheduler.h"
#include "kernels/device/emulated/traced/trace.h"
#include "kernels/device/error.h"
#include "kernels/device/launch.h"
#include "kernels/device/launch_log.h"
#include "kernels/device/poison.h"
#include "kernels/device/properties.h"
#include "kernels/device/stream.h"

using Task = std::function<void()>;

struct CUstream_st {
  std::vector<Task>* recording = nullptr;
  std::size_t* recorded_launches = nullptr;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
};

namespace assay {
namespace {

std::uint64_t launches = 0;

struct RecordedGraph {
  std::vector<Task> work;
};

void enqueue(const Stream& stream, Task work) {
  if (stream.native()->recording != nullptr) {
    stream.native()->recording->push_back(std::move(work));
  } else {
    work();
  }
}

std::string host_cpu() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

}  // namespace

Stream::Stream() : handle_(new CUstream_st) {}
Stream::~Stream() { delete handle_; }
void Stream::synchronize() const {
  if (handle_->recording != nullptr)
    throw Error("a stream cannot be waited for while a graph records it");
}

Event::Event() : handle_(new CUevent_st) {}
Event::~Event() { delete handle_; }
void Event::record(const Stream& stream) {
  enqueue(stream, [event = handle_] {
    event->time = std::chrono::steady_clock::now();
    event->recorded = true;
  });
}
double Event::elapsed_us_since(const Event& start) const {
  if (!handle_->recorded || !start.handle_->recorded) {
    throw Error("elapsed time asked between events that were not both recorded");
  }
  return std::chrono::duration<double, std::micro>(handle_->time - start.handle_->time).count();
}

Graph::Graph(const Stream& stream, const std::function<void()>& record) {
  if (stream.native()->recording != nullptr) throw Error("the stream is already being recorded");
  auto graph = std::make_unique<RecordedGraph>();
  stream.native()->recording = &graph->work;
  stream.native()->recorded_launches = &launches_;
  const auto stop = [&] {
    stream.native()->recording = nullptr;
    stream.native()->recorded_launches = nullptr;
  };
  try {
    record();
  } catch (...) {
    stop();
    throw;
  }
  stop();
  executable_ = graph.release();
}
Graph::~Graph() { delete static_cast<RecordedGraph*>(executable_); }
void Graph::replay(const Stream& stream) const {
  for (const Task& work : static_cast<const RecordedGraph*>(executable_)->work)
    enqueue(stream, work);
}

void copy_to_device(void* to, const void* from_host, std::size_t bytes, const Stream& stream) {
  enqueue(stream, [=] {
    emulated::require_inside(to, bytes, "a copy to the device");
    if (bytes > 0) std::memcpy(to, from_host, bytes);
    emulated::traced::mark_written(to, bytes);
  });
}
void copy_to_host(void* to_host, const void* from, std::size_t bytes, const Stream& stream) {
  enqueue(stream, [=] {
    emulated::require_inside(from, bytes, "a copy to the host");
    if (bytes > 0) std::memcpy(to_host, from, bytes);
  });
}
void copy_on_device(void* to, const void* from, std::size_t bytes, const Stream& stream) {
  enqueue(stream, [=] {
    emulated::require_inside(to, bytes, "a copy on the device");
    emulated::require_inside(from, bytes, "a copy on the device");
    if (bytes > 0) std::memmove(to, from, bytes);
    emulated::traced::copy_written(to, from, bytes);
  });
}
void fill_bytes(void* to, int value, std::size_t bytes, const Stream& stream) {
  enqueue(stream, [=] {
    emulated::require_inside(to, bytes, "a fill");
    if (bytes > 0) std::memset(to, value, bytes);
    emulated::traced::mark_written(to, bytes);
  });
}
bool same_bytes(const void* a, const void* b, std::size_t bytes, const Stream& stream) {
  emulated::require_inside(a, bytes, "a comparison of bytes");
  emulated::require_inside(b, bytes, "a comparison of bytes");
  stream.synchronize();
  return bytes == 0 || std::memcmp(a, b, bytes) == 0;
}
void poison(void* to, int value, std::size_t bytes, const Stream& stream) {
  enqueue(stream, [=] {
    emulated::require_inside(to, bytes, "a fill");
    if (bytes > 0) std::memset(to, value, bytes);
    emulated::traced::mark_written(to, bytes, false);
  });
}

void poison_shared_memory(const Stream&) {}

void detail::enqueue_kernel(const void* kernel, const LaunchShape& shape, const Stream& stream,
                            Task thread) {
  log_launch(shape.name, kernel, static_cast<int>(shape.block.x * shape.block.y * shape.block.z),
             shape.shared_bytes);
  if (stream.native()->recorded_launches != nullptr) ++*stream.native()->recorded_launches;
  enqueue(stream, [launch = emulated::Launch{shape.name, shape.grid, shape.block,
                                             shape.shared_bytes, std::move(thread)}] {
    ++launches;
    emulated::run(launch);
  });
}

void emulated::enqueue_host_work(const Stream& stream, Task work) {
  if (stream.native()->recorded_launches != nullptr) ++*stream.native()->recorded_launches;
  enqueue(stream, [work = std::move(work)] {
    ++launches;
    work();
  });
}

const Properties& properties() {
  static const Properties instance = [] {
    Properties p;
    p.kind = DeviceKind::kEmulated;
    p.name = "emulated on " + host_cpu();
    p.compute_capability = 90;
    p.sm_count = emulated::worker_count();
    p.total_memory_bytes = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
                           static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    p.shared_bytes_per_block = 227 * 1024;
    return p;
  }();
  return instance;
}

Conditions read_conditions() { return {}; }
std::string read_throttle() { return ""; }
std::optional<double> read_energy_j() { return std::nullopt; }

std::uint64_t launch_count() { return launches; }

void set_schedule_seed(std::uint64_t seed) { emulated::set_seed(seed); }

}  // namespace assay
