// The memory that a version of a case is launched on.
#pragma once

#include <string>
#include <vector>

#include "kernels/device/buffer.h"
#include "suites/case.h"

namespace assay::suites {

/// A case's inputs in device memory, uploaded once: each run gets a copy of them, and must leave
/// that as it was. Inputs of a layer are hundreds of megabytes, and a GPU copies its own memory a
/// thousand times as fast as the host's.
class DeviceInputs {
 public:
  /// `inputs` has a tensor for every operand; those of outputs only say their size.
  DeviceInputs(const Case& c, const std::vector<HostTensor>& inputs, const Stream& stream);

  /// Of operand `i`, an input or in-out.
  const unsigned char* data(OperandId i) const { return buffers_[i].data(); }
  /// Of any operand.
  std::size_t bytes(OperandId i) const { return bytes_[i]; }

 private:
  std::vector<DeviceBuffer<unsigned char>> buffers_;  // empty where an operand is no input
  std::vector<std::size_t> bytes_;
};

/// Device memory for a case's operands, with guard zones around each: those of the emulated device
/// itself, or 256 patterned bytes on either side on a GPU.
class OperandBuffers {
 public:
  /// Copies the inputs; fills outputs and scratch with `poison`. Case and inputs must outlive it.
  OperandBuffers(const Case& c, const DeviceInputs& inputs, int poison, const Stream& stream);

  const Pointers& pointers() const { return pointers_; }
  /// Outputs and in-outs, in operand order.
  std::vector<HostTensor> outputs(const Stream& stream) const;
  /// What was written that should not have been, in words, or "".
  std::string find_damage(const Stream& stream) const;

 private:
  const Case* case_;
  const DeviceInputs* inputs_;
  std::vector<DeviceBuffer<unsigned char>> buffers_;
  Pointers pointers_;
};

}  // namespace assay::suites
