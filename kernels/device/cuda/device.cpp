// Streams, events, graphs, copies and properties over the CUDA runtime.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/device/buffer.h"
#include "kernels/device/cuda/check.h"
#include "kernels/device/cuda/nvml.h"
#include "kernels/device/cuda/same_bytes.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/device/stream.h"

namespace assay {
namespace {

std::atomic<std::uint64_t> launched{0};

std::string describe(cudaError_t status, const char* call, const char* file, int line) {
  const char* slash = std::strrchr(file, '/');
  return std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status) + "\n  in " +
         call + " at " + (slash != nullptr ? slash + 1 : file) + ":" + std::to_string(line);
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

namespace cuda {

void throw_error(cudaError_t status, const char* call, const char* file, int line) {
  cudaGetLastError();  // so that the next check does not report this one again
  throw Error(describe(status, call, file, line));
}

void terminate_with_error(cudaError_t status, const char* call, const char* file,
                          int line) noexcept {
  std::fprintf(stderr, "%s\n", describe(status, call, file, line).c_str());
  std::abort();
}

void use_device() {
  static const bool selected = [] {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
      throw Error(std::string("no usable NVIDIA GPU: ") +
                  (status != cudaSuccess ? cudaGetErrorString(status) : "the driver lists none") +
                  ". Check nvidia-smi, or use the emulated build (cmake --preset emulated)");
    }
    ASSAY_CUDA(cudaSetDevice(0));  // CUDA_VISIBLE_DEVICES says which GPU that is
    return true;
  }();
  (void)selected;
}

void count_launches(std::size_t n) { launched += n; }

}  // namespace cuda

Stream::Stream() {
  cuda::use_device();
  ASSAY_CUDA(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking));
}
Stream::~Stream() { ASSAY_CUDA_OR_TERMINATE(cudaStreamDestroy(handle_)); }
void Stream::synchronize() const { ASSAY_CUDA(cudaStreamSynchronize(handle_)); }

Event::Event() {
  cuda::use_device();
  ASSAY_CUDA(cudaEventCreate(&handle_));
}
Event::~Event() { ASSAY_CUDA_OR_TERMINATE(cudaEventDestroy(handle_)); }
void Event::record(const Stream& stream) { ASSAY_CUDA(cudaEventRecord(handle_, stream.native())); }
double Event::elapsed_us_since(const Event& start) const {
  ASSAY_CUDA(cudaEventSynchronize(handle_));
  float milliseconds = 0.0f;
  ASSAY_CUDA(cudaEventElapsedTime(&milliseconds, start.handle_, handle_));
  return static_cast<double>(milliseconds) * 1e3;
}

Graph::Graph(const Stream& stream, const std::function<void()>& record) {
  const std::uint64_t before = launched;
  ASSAY_CUDA(cudaStreamBeginCapture(stream.native(), cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    record();
  } catch (...) {
    cudaStreamEndCapture(stream.native(), &graph);
    cudaGraphDestroy(graph);
    cudaGetLastError();
    launched = before;
    throw;
  }
  ASSAY_CUDA(cudaStreamEndCapture(stream.native(), &graph));
  launches_ = launched - before;
  launched = before;  // recording runs nothing
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  ASSAY_CUDA(cudaGraphDestroy(graph));
  ASSAY_CUDA(status);
  executable_ = executable;
}
Graph::~Graph() {
  ASSAY_CUDA_OR_TERMINATE(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_)));
}
void Graph::replay(const Stream& stream) const {
  launched += launches_;
  ASSAY_CUDA(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_), stream.native()));
}

void copy_to_device(void* to, const void* from_host, std::size_t bytes, const Stream& stream) {
  ASSAY_CUDA(cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, stream.native()));
}
void copy_to_host(void* to_host, const void* from, std::size_t bytes, const Stream& stream) {
  ASSAY_CUDA(cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, stream.native()));
}
void copy_on_device(void* to, const void* from, std::size_t bytes, const Stream& stream) {
  ASSAY_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream.native()));
}
void fill_bytes(void* to, int value, std::size_t bytes, const Stream& stream) {
  ASSAY_CUDA(cudaMemsetAsync(to, value, bytes, stream.native()));
}
void poison(void* to, int value, std::size_t bytes, const Stream& stream) {
  fill_bytes(to, value, bytes, stream);
}
bool same_bytes(const void* a, const void* b, std::size_t bytes, const Stream& stream) {
  DeviceBuffer<unsigned> differ(1, "same_bytes");
  fill_bytes(differ.data(), 0, sizeof(unsigned), stream);
  cuda::find_difference(differ.data(), a, b, bytes, stream);
  return differ.to_host(stream)[0] == 0;
}

const Properties& properties() {
  static const Properties instance = [] {
    cuda::use_device();
    cudaDeviceProp device{};
    ASSAY_CUDA(cudaGetDeviceProperties(&device, 0));
    int driver = 0;
    int runtime = 0;
    ASSAY_CUDA(cudaDriverGetVersion(&driver));
    ASSAY_CUDA(cudaRuntimeGetVersion(&runtime));
    Properties p;
    p.kind = DeviceKind::kCuda;
    p.name = device.name;
    p.compute_capability = device.major * 10 + device.minor;
    p.sm_count = device.multiProcessorCount;
    p.l2_bytes = static_cast<std::size_t>(device.l2CacheSize);
    p.total_memory_bytes = device.totalGlobalMem;
    p.shared_bytes_per_block = device.sharedMemPerBlockOptin;
    const std::string version = cuda::driver_version();
    p.driver = !version.empty() ? version : "CUDA " + version_text(driver);
    p.runtime = version_text(runtime);
    p.ecc = device.ECCEnabled != 0;
    return p;
  }();
  return instance;
}

std::uint64_t launch_count() { return launched; }

void set_schedule_seed(std::uint64_t) {}

}  // namespace assay
