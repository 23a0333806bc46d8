#include "suites/oracle.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "kernels/device/error.h"
#include "suites/torch_bridge.h"

namespace assay::suites {
namespace {

// Of so many outputs, one or another is as large as its terms make it.
constexpr std::int64_t FEW_OUTPUTS = 1024;

at::Tensor to_exact(const at::Tensor& tensor) {
  return tensor.is_floating_point() ? tensor.to(at::kDouble) : tensor;
}

Tensors to_exact(const std::vector<HostTensor>& tensors) {
  Tensors exact;
  for (const HostTensor& tensor : tensors) exact.push_back(to_exact(to_torch(tensor)));
  return exact;
}

std::vector<HostTensor> rounded(const Case& c, const Tensors& outputs) {
  Truth truth;
  for (const at::Tensor& output : outputs) {
    truth.outputs.push_back({"", to_doubles(output), 0.0, 0.0});
  }
  return round_truth(c, truth);
}

}  // namespace

Truth ask_oracle(const Case& c, const std::vector<HostTensor>& inputs) {
  prepare_torch();
  Tensors same;
  Tensors exact;
  for (const HostTensor& input : inputs) {
    same.push_back(to_torch(input));
    exact.push_back(to_exact(same.back()));
  }
  const Tensors truth = c.reference(exact);
  const Tensors rounded = c.comparison == Comparison::kThreeWay ? c.reference(same) : Tensors{};

  Truth result;
  std::size_t i = 0;
  const bool few = std::all_of(truth.begin(), truth.end(), [](const at::Tensor& output) {
    return output.numel() <= FEW_OUTPUTS;
  });
  const Tensors squares = c.summed && few ? c.summed(exact) : Tensors{};
  for (const Operand& operand : c.operands) {
    if (!is_output(operand)) continue;
    if (i >= truth.size()) throw Error(c.op + ": the reference gives too few outputs");
    Truth::Output output;
    output.name = operand.name;
    output.exact = to_doubles(truth[i]);
    if (c.comparison == Comparison::kThreeWay) {
      const ErrorStats error = error_between(to_doubles(rounded[i]), output.exact);
      output.same_dtype_max_error = error.max_abs;
      output.same_dtype_rms_error = error.rms;
    }
    if (i < squares.size()) {
      const Magnitude summed = magnitude_of(to_doubles(squares[i].sqrt()));
      output.summed_max = summed.max_abs;
      output.summed_rms = summed.rms;
    }
    result.outputs.push_back(std::move(output));
    ++i;
  }
  return result;
}

std::vector<HostTensor> round_truth(const Case& c, const Truth& truth) {
  std::vector<HostTensor> rounded;
  for (const Operand& operand : c.operands) {
    if (!is_output(operand)) continue;
    if (rounded.size() == truth.outputs.size()) {
      throw Error(c.op + ": the reference gives " + std::to_string(rounded.size()) +
                  " outputs, one for " + operand.name + " is missing");
    }
    HostTensor tensor(operand.dtype, operand.shape);
    const std::vector<double>& exact = truth.outputs[rounded.size()].exact;
    if (exact.size() != tensor.count()) {
      throw Error(c.op + ": the reference gives " + operand.name + " " +
                  std::to_string(exact.size()) + " elements, not " +
                  std::to_string(tensor.count()));
    }
    for (std::size_t i = 0; i < exact.size(); ++i) tensor.set(i, exact[i]);
    rounded.push_back(std::move(tensor));
  }
  return rounded;
}

std::vector<HostTensor> ask_outputs(const Case& c, const std::vector<HostTensor>& inputs) {
  prepare_torch();
  return rounded(c, c.reference(to_exact(inputs)));
}

void visit_mistakes(
    const Case& c, const std::vector<HostTensor>& inputs,
    const std::function<void(const std::string& name, const std::vector<HostTensor>&)>& visit) {
  if (c.mistakes.empty()) return;
  prepare_torch();
  const Tensors operands = to_exact(inputs);
  for (const Mistake& mistake : c.mistakes) {
    visit(mistake.name, rounded(c, mistake.outputs(operands)));
  }
}

}  // namespace assay::suites
