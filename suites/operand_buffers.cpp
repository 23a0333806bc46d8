#include "suites/operand_buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/device/poison.h"
#include "kernels/device/properties.h"

namespace assay::suites {
namespace {

constexpr unsigned char GUARD = 0xC3;
constexpr std::size_t CUDA_GUARD_BYTES = 256;

std::size_t guard_bytes() { return properties().kind == DeviceKind::kCuda ? CUDA_GUARD_BYTES : 0; }

}  // namespace

DeviceInputs::DeviceInputs(const Case& c, const std::vector<HostTensor>& inputs,
                           const Stream& stream) {
  for (OperandId i = 0; i < c.operands.size(); ++i) {
    const std::vector<unsigned char>& bytes = inputs[i].bytes;
    bytes_.push_back(bytes.size());
    buffers_.emplace_back();
    if (!is_input(c.operands[i])) continue;
    buffers_.back() = DeviceBuffer<unsigned char>(bytes, stream, c.op + "." + c.operands[i].name);
  }
}

OperandBuffers::OperandBuffers(const Case& c, const DeviceInputs& inputs, int poison,
                               const Stream& stream)
    : case_(&c), inputs_(&inputs) {
  const std::size_t guard = guard_bytes();
  for (OperandId i = 0; i < c.operands.size(); ++i) {
    const std::size_t bytes = inputs.bytes(i);
    DeviceBuffer<unsigned char> buffer(bytes + 2 * guard, c.op + "." + c.operands[i].name);
    if (guard > 0) {
      fill_bytes(buffer.data(), GUARD, guard, stream);
      fill_bytes(buffer.data() + guard + bytes, GUARD, guard, stream);
    }
    if (is_input(c.operands[i])) {
      copy_on_device(buffer.data() + guard, inputs.data(i), bytes, stream);
    } else if (poisons_memory()) {
      assay::poison(buffer.data() + guard, poison, bytes, stream);
    }
    pointers_.push_back(buffer.data() + guard);
    buffers_.push_back(std::move(buffer));
  }
  stream.synchronize();
}

std::vector<HostTensor> OperandBuffers::outputs(const Stream& stream) const {
  std::vector<HostTensor> tensors;
  for (OperandId i = 0; i < buffers_.size(); ++i) {
    const Operand& operand = case_->operands[i];
    if (!is_output(operand)) continue;
    HostTensor tensor(operand.dtype, operand.shape);
    copy_to_host(tensor.bytes.data(), pointers_[i], tensor.bytes.size(), stream);
    tensors.push_back(std::move(tensor));
  }
  stream.synchronize();
  return tensors;
}

std::string OperandBuffers::find_damage(const Stream& stream) const {
  const std::size_t guard = guard_bytes();
  const auto intact = [&](const unsigned char* zone) {
    std::array<unsigned char, CUDA_GUARD_BYTES> host{};
    copy_to_host(host.data(), zone, guard, stream);
    stream.synchronize();
    return std::all_of(host.begin(), host.begin() + static_cast<std::ptrdiff_t>(guard),
                       [](unsigned char byte) { return byte == GUARD; });
  };
  for (OperandId i = 0; i < buffers_.size(); ++i) {
    const Operand& operand = case_->operands[i];
    const unsigned char* const data = buffers_[i].data() + guard;
    const std::size_t bytes = inputs_->bytes(i);
    if (guard > 0 && !intact(data - guard))
      return fmt::format("the guard zone before {} was written to", operand.name);
    if (guard > 0 && !intact(data + bytes))
      return fmt::format("the guard zone after {} was written to", operand.name);
    if (operand.role == Role::kInput && !same_bytes(data, inputs_->data(i), bytes, stream))
      return fmt::format("input {} was changed", operand.name);
  }
  return "";
}

}  // namespace assay::suites
