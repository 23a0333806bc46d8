#include "suites/oracle.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"

namespace assay::suites {
namespace {

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return at::kFloat;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kI32:
      return at::kInt;
    case DType::kU8:
      return at::kByte;
  }
  throw Error("a tensor of unknown element type");
}

at::Device reference_device() {
  return properties().kind == DeviceKind::kCuda ? at::Device(at::kCUDA) : at::Device(at::kCPU);
}

at::Tensor to_torch(const HostTensor& tensor) {
  return at::from_blob(const_cast<unsigned char*>(tensor.bytes.data()), tensor.shape,
                       at::TensorOptions().dtype(scalar_type(tensor.dtype)))
      .to(reference_device(), /*non_blocking=*/false, /*copy=*/true);
}

std::vector<double> to_doubles(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kCPU).to(at::kDouble).contiguous();
  const double* data = flat.const_data_ptr<double>();
  return {data, data + flat.numel()};
}

// Reduced-precision shortcuts would make the same-dtype error, and so the tolerance, larger.
void ask_for_full_precision() {
  static const bool once = [] {
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowFP16ReductionCuBLAS(false, /*allow_splitk=*/false);
    at::globalContext().setAllowBF16ReductionCuBLAS(false, /*allow_splitk=*/false);
    return true;
  }();
  (void)once;
}

}  // namespace

Truth ask_oracle(const Case& c, const std::vector<HostTensor>& inputs) {
  ask_for_full_precision();
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
