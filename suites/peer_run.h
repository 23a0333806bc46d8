// LibTorch doing the work of a case, on the very operands that its kernels are timed on.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "suites/case.h"

namespace assay::suites {

/// Case::peer, prepared for each of a case's input sets. On a GPU it is recorded as a CUDA graph,
/// as kernels are; on the emulated device each replay calls LibTorch.
class PeerRun {
 public:
  /// `sets` are pointers to operands as Case::launch takes them; they must outlive this. Prepares
  /// and runs the peer once for each set, with LibTorch's settings as users have them. Throws Error
  /// with LibTorch's words.
  PeerRun(const Case& c, const std::vector<Pointers>& sets, const Stream& stream);
  ~PeerRun();
  PeerRun(const PeerRun&) = delete;
  PeerRun& operator=(const PeerRun&) = delete;

  /// Records `passes` passes over all sets, in the place of what was recorded before. Throws Error
  /// with LibTorch's words where the work cannot be recorded.
  void record(std::size_t passes);
  /// Queues what was recorded on the stream.
  void replay() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay::suites
