#include "kernels/device/blas.h"

#include <cblas.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <functional>
#include <vector>

#include "kernels/device/emulated/host_work.h"
#include "kernels/device/emulated/memory.h"
#include "kernels/device/emulated/traced/trace.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

template <class T>
std::vector<float> widen(const void* data, std::size_t count) {
  const T* from = static_cast<const T*>(data);
  std::vector<float> to(count);
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
  return to;
}

template <class T>
void gemm(void* y, const void* x, const void* w, const void* bias, int m, int n, int k) {
  const auto size = [](int a, int b) {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
  };
  emulated::require_inside(y, size(m, n) * sizeof(T), "a matrix product's output");
  emulated::require_inside(x, size(m, k) * sizeof(T), "a matrix product's input");
  emulated::require_inside(w, size(n, k) * sizeof(T), "a matrix product's weights");
  if (bias != nullptr) {
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    emulated::require_inside(bias, bytes, "a matrix product's bias");
    emulated::traced::require_written(bias, bytes, "a matrix product's bias");
  }
  emulated::traced::require_written(x, size(m, k) * sizeof(T), "a matrix product's input");
  emulated::traced::require_written(w, size(n, k) * sizeof(T), "a matrix product's weights");
  const std::vector<float> xf = widen<T>(x, size(m, k));
  const std::vector<float> wf = widen<T>(w, size(n, k));
  std::vector<float> yf(size(m, n), 0.0f);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, xf.data(), k, wf.data(), k,
              0.0f, yf.data(), n);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      float sum = yf[size(i, n) + static_cast<std::size_t>(j)];
      if (bias != nullptr) sum += static_cast<float>(static_cast<const T*>(bias)[j]);
      static_cast<T*>(y)[size(i, n) + static_cast<std::size_t>(j)] = static_cast<T>(sum);
    }
  }
  emulated::traced::mark_written(y, size(m, n) * sizeof(T));
}

}  // namespace

void gemm_nt(void* y, const void* x, const void* w, const void* bias, int m, int n, int k,
             DType dtype, const Stream& stream) {
  emulated::enqueue_host_work(stream, [=] {
    switch (dtype) {
      case DType::kF32:
        return gemm<float>(y, x, w, bias, m, n, k);
      case DType::kF16:
        return gemm<__half>(y, x, w, bias, m, n, k);
      case DType::kBF16:
        return gemm<__nv_bfloat16>(y, x, w, bias, m, n, k);
      default:
        throw Error("a matrix product of " + std::string(name_of(dtype)) + " elements");
    }
  });
}

std::size_t blas_workspace_bytes() { return 0; }

}  // namespace assay
