// LibTorch's work recorded and replayed on one of our streams. For files that include ATen.
#pragma once

#include <functional>
#include <memory>

#include "kernels/device/stream.h"

namespace assay::suites {

/// While it lives, LibTorch queues its work on `stream`, in so far as there is a GPU, and uses the
/// shortcuts that prepare_torch() turns off: this is how its users run it.
class TorchOnStream {
 public:
  explicit TorchOnStream(const Stream& stream);
  ~TorchOnStream();
  TorchOnStream(const TorchOnStream&) = delete;
  TorchOnStream& operator=(const TorchOnStream&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A CUDA graph of what LibTorch queues; on the emulated device, the work itself.
class TorchGraph {
 public:
  /// Records `work`, which must have run before, without running it. Throws Error with LibTorch's
  /// words.
  TorchGraph(const Stream& stream, std::function<void()> work);
  ~TorchGraph();
  TorchGraph(const TorchGraph&) = delete;
  TorchGraph& operator=(const TorchGraph&) = delete;

  void replay() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Gives the memory that LibTorch holds in reserve back to the device.
void release_torch_memory();

}  // namespace assay::suites
