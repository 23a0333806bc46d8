#include "suites/oracle.h"

#include <ATen/ATen.h>

#include "kernels/device/error.h"
#include "suites/torch_bridge.h"

namespace assay::suites {

Truth ask_oracle(const Case& c, const std::vector<HostTensor>& inputs) {
  prepare_torch();
  Tensors same;
  Tensors exact;
  for (const HostTensor& input : inputs) {
    same.push_back(to_torch(input));
    exact.push_back(same.back().is_floating_point() ? same.back().to(at::kDouble) : same.back());
  }
  const Tensors truth = c.reference(exact);
  const Tensors rounded = c.comparison == Comparison::kThreeWay ? c.reference(same) : Tensors{};

  Truth result;
  std::size_t i = 0;
  for (const Operand& operand : c.operands) {
    if (operand.role != Role::kOutput && operand.role != Role::kInOut) continue;
    if (i >= truth.size()) throw Error(c.op + ": the reference gives too few outputs");
    Truth::Output output;
    output.name = operand.name;
    output.exact = to_doubles(truth[i]);
    if (c.comparison == Comparison::kThreeWay) {
      const ErrorStats error = error_between(to_doubles(rounded[i]), output.exact);
      output.same_dtype_max_error = error.max_abs;
      output.same_dtype_rms_error = error.rms;
    }
    result.outputs.push_back(std::move(output));
    ++i;
  }
  return result;
}

}  // namespace assay::suites
