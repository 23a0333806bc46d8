#include "suites/peer_run.h"

#include <ATen/ATen.h>

#include <functional>
#include <optional>
#include <string>

#include "kernels/device/error.h"
#include "suites/torch_bridge.h"
#include "suites/torch_graph.h"

namespace assay::suites {

struct PeerRun::Impl {
  const Stream* stream;
  std::vector<std::function<Tensors()>> works;  // of each set
  std::vector<Tensors> outputs;  // of each set, so that each has memory of its own, as our kernels'
  std::unique_ptr<TorchGraph> graph;

  void run() {
    for (std::size_t i = 0; i < works.size(); ++i) outputs[i] = works[i]();
  }
};

PeerRun::PeerRun(const Case& c, const std::vector<Pointers>& sets, const Stream& stream)
    : impl_(std::make_unique<Impl>()) {
  impl_->stream = &stream;
  try {
    const TorchOnStream here(stream);
    for (const Pointers& pointers : sets) {
      Tensors operands;
      for (std::size_t i = 0; i < c.operands.size(); ++i) {
        operands.push_back(at::from_blob(pointers[i], c.operands[i].shape,
                                         at::TensorOptions()
                                             .dtype(scalar_type(c.operands[i].dtype))
                                             .device(reference_device())));
      }
      impl_->works.push_back(c.peer(operands));
    }
    impl_->outputs.resize(sets.size());
    impl_->run();  // libraries set themselves up
    stream.synchronize();
  } catch (const c10::Error& error) {
    throw Error(c.op + " in LibTorch: " + error.what_without_backtrace());
  }
}

PeerRun::~PeerRun() {
  impl_.reset();
  release_torch_memory();
}

void PeerRun::record(std::size_t passes) {
  impl_->graph.reset();
  impl_->outputs.assign(impl_->works.size(), {});
  impl_->graph = std::make_unique<TorchGraph>(*impl_->stream, [impl = impl_.get(), passes] {
    for (std::size_t pass = 0; pass < passes; ++pass) impl->run();
  });
}

void PeerRun::replay() const { impl_->graph->replay(); }

}  // namespace assay::suites
