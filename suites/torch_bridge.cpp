#include "suites/torch_bridge.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "suites/oracle.h"

namespace assay::suites {

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

namespace {
bool on_cpu = false;  // set before the first tensor is made
}  // namespace

void keep_reference_on_cpu() { on_cpu = true; }

at::Device reference_device() {
  const bool gpu = properties().kind == DeviceKind::kCuda && !on_cpu;
  return at::Device(gpu ? at::kCUDA : at::kCPU);
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

void prepare_torch() {
  static const bool once = [] {
    at::set_num_threads(1);
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowFP16ReductionCuBLAS(false);
    at::globalContext().setAllowBF16ReductionCuBLAS(false);
    return true;
  }();
  (void)once;
}

}  // namespace assay::suites
