// The memory that a version of a case is launched on.
#pragma once

#include <string>
#include <vector>

#include "kernels/device/buffer.h"
#include "suites/case.h"

namespace assay::suites {

/// Device memory for a case's operands, with guard zones around each: those of the emulated device
/// itself, or 256 patterned bytes on either side on a GPU.
class OperandBuffers {
 public:
  /// Uploads `inputs`; fills outputs and scratch with `poison`.
  OperandBuffers(const Case& c, const std::vector<HostTensor>& inputs, int poison,
                 const Stream& stream);

  const Pointers& pointers() const { return pointers_; }
  /// Outputs and in-outs, in operand order.
  std::vector<HostTensor> outputs(const Stream& stream) const;
  /// What was written that should not have been, in words, or "".
  std::string find_damage(const std::vector<HostTensor>& inputs, const Stream& stream) const;

 private:
  const Case* case_;
  std::vector<DeviceBuffer<unsigned char>> buffers_;
  Pointers pointers_;
};

}  // namespace assay::suites
