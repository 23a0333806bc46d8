#include "suites/torch_graph.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <optional>
#include <string>
#include <utility>

#include "kernels/device/error.h"
#include "suites/torch_bridge.h"

#ifdef ASSAY_CUDA_DEVICE
#include <ATen/cuda/CUDAContextLight.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace assay::suites {
namespace {

void allow_shortcuts(bool allow) {
  at::globalContext().setAllowFP16ReductionCuBLAS(allow);
  at::globalContext().setAllowBF16ReductionCuBLAS(allow);
}

}  // namespace

#ifdef ASSAY_CUDA_DEVICE

struct TorchOnStream::Impl {
  explicit Impl(const Stream& stream)
      : guard(c10::cuda::getStreamFromExternal(stream.native(), /*device_index=*/0)) {}
  c10::InferenceMode inference;
  c10::cuda::CUDAStreamGuard guard;
};

struct TorchGraph::Impl {
  const Stream* stream;
  at::cuda::CUDAGraph graph;
};

TorchGraph::TorchGraph(const Stream& stream, std::function<void()> work)
    : impl_(std::make_unique<Impl>()) {
  impl_->stream = &stream;
  const TorchOnStream here(stream);
  stream.synchronize();
  try {
    impl_->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      try {
        impl_->graph.capture_end();      // or the stream would stay in capture
      } catch (const std::exception&) {  // which the first failure has broken
      }
      cudaGetLastError();
      throw;
    }
    impl_->graph.capture_end();
  } catch (const c10::Error& error) {
    throw Error(std::string("LibTorch: ") + error.what_without_backtrace());
  }
}

void TorchGraph::replay() const {
  const c10::cuda::CUDAStreamGuard guard(
      c10::cuda::getStreamFromExternal(impl_->stream->native(), /*device_index=*/0));
  impl_->graph.replay();
}

void release_torch_memory() {
  at::cuda::clearCublasWorkspaces();  // one for each stream that there ever was
  c10::cuda::CUDACachingAllocator::emptyCache();
}

#else

struct TorchOnStream::Impl {
  explicit Impl(const Stream&) {}
  c10::InferenceMode inference;
};

struct TorchGraph::Impl {
  std::function<void()> work;
};

TorchGraph::TorchGraph(const Stream&, std::function<void()> work)
    : impl_(std::make_unique<Impl>(Impl{std::move(work)})) {}

void TorchGraph::replay() const {
  const c10::InferenceMode inference;
  impl_->work();
}

void release_torch_memory() {}

#endif

TorchOnStream::TorchOnStream(const Stream& stream) {
  prepare_torch();
  allow_shortcuts(true);
  impl_ = std::make_unique<Impl>(stream);
}
TorchOnStream::~TorchOnStream() { allow_shortcuts(false); }

TorchGraph::~TorchGraph() = default;

}  // namespace assay::suites
