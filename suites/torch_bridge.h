// Between host tensors and LibTorch's. For files that include ATen.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "suites/host_tensor.h"

namespace assay::suites {

at::ScalarType scalar_type(DType dtype);
/// Where the reference runs: the GPU in a CUDA build, else the CPU.
at::Device reference_device();
/// A copy on the reference's device.
at::Tensor to_torch(const HostTensor& tensor);
std::vector<double> to_doubles(const at::Tensor& tensor);
/// Turns LibTorch's reduced-precision shortcuts off: they would make the same-dtype error, and so
/// the tolerance, larger. Keeps it to one thread: the tensors are small, and its threads would spin
/// beside the emulated device's.
void prepare_torch();

}  // namespace assay::suites
