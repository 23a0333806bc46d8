#include "suites/operand_buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/device/poison.h"
#include "kernels/device/properties.h"

namespace assay::suites {
namespace {

constexpr unsigned char GUARD = 0xC3;

std::size_t guard_bytes() { return properties().kind == DeviceKind::kCuda ? 256 : 0; }

}  // namespace

OperandBuffers::OperandBuffers(const Case& c, const std::vector<HostTensor>& inputs, int poison,
                               const Stream& stream)
    : case_(&c) {
  const std::size_t guard = guard_bytes();
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    const std::size_t bytes = inputs[i].bytes.size();
    DeviceBuffer<unsigned char> buffer(bytes + 2 * guard, c.op + "." + c.operands[i].name);
    if (guard > 0) {
      fill_bytes(buffer.data(), GUARD, guard, stream);
      fill_bytes(buffer.data() + guard + bytes, GUARD, guard, stream);
    }
    if (is_input(c.operands[i])) {
      copy_to_device(buffer.data() + guard, inputs[i].bytes.data(), bytes, stream);
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
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Operand& operand = case_->operands[i];
    if (!is_output(operand)) continue;
    HostTensor tensor(operand.dtype, operand.shape);
    copy_to_host(tensor.bytes.data(), pointers_[i], tensor.bytes.size(), stream);
    tensors.push_back(std::move(tensor));
  }
  stream.synchronize();
  return tensors;
}

std::string OperandBuffers::find_damage(const std::vector<HostTensor>& inputs,
                                        const Stream& stream) const {
  const auto intact = [](auto from, auto to) {
    return std::all_of(from, to, [](unsigned char byte) { return byte == GUARD; });
  };
  const auto guard = static_cast<std::ptrdiff_t>(guard_bytes());
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Operand& operand = case_->operands[i];
    if (guard == 0 && operand.role != Role::kInput) continue;
    const std::vector<unsigned char> host = buffers_[i].to_host(stream);
    if (!intact(host.begin(), host.begin() + guard)) {
      return fmt::format("the guard zone before {} was written to", operand.name);
    }
    if (!intact(host.end() - guard, host.end())) {
      return fmt::format("the guard zone after {} was written to", operand.name);
    }
    if (operand.role == Role::kInput &&
        !std::equal(host.begin() + guard, host.end() - guard, inputs[i].bytes.begin())) {
      return fmt::format("input {} was changed", operand.name);
    }
  }
  return "";
}

}  // namespace assay::suites
