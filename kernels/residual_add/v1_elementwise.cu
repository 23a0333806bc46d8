// v1: one thread per element.
//
// Map: thread i of the grid takes element i. Any count, any dtype, in place too.
// Limited by its 2- or 4-byte accesses.
#include "kernels/device/convert.h"
#include "kernels/device/launch.h"
#include "kernels/residual_add/versions.h"

namespace assay {
namespace {

constexpr int BLOCK = 256;

template <class T>
__global__ void __launch_bounds__(BLOCK)
    residual_add_elementwise(T* y, const T* x, const T* residual, std::size_t count) {
  const std::size_t i = static_cast<std::size_t>(blockIdx.x) * BLOCK + threadIdx.x;
  if (i < count) y[i] = from_float<T>(to_float(x[i]) + to_float(residual[i]));
}

}  // namespace

void launch_residual_add_v1(const ResidualAddArgs& a, const Stream& stream) {
  const std::size_t count = static_cast<std::size_t>(a.count);
  with_float_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(residual_add_elementwise<T>,
           {"residual_add.v1_elementwise", dim3(blocks_for(count, BLOCK)), dim3(BLOCK)}, stream,
           static_cast<T*>(a.y), static_cast<const T*>(a.x), static_cast<const T*>(a.residual),
           count);
  });
}

}  // namespace assay
