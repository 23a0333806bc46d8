// v1: one block per token, one element per thread and step.
//
// Map: block = token; thread i takes elements i, i + 256, ... of the row. Any width, any dtype:
// elements move as raw bits.
// Limited by its 2- or 4-byte accesses, and by single blocks where tokens are few.
#include "kernels/device/launch.h"
#include "kernels/embedding/versions.h"
#include "kernels/rows.h"

namespace assay {
namespace {

template <class T>
__global__ void __launch_bounds__(256)
    embedding_row_copy(T* y, const T* table, const int* ids, int width) {
  const std::size_t to = static_cast<std::size_t>(blockIdx.x) * width;
  const std::size_t from = static_cast<std::size_t>(ids[blockIdx.x]) * width;
  for (int i = threadIdx.x; i < width; i += blockDim.x) y[to + i] = table[from + i];
}

}  // namespace

void launch_embedding_v1(const EmbeddingArgs& a, const Stream& stream) {
  with_raw_type(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(embedding_row_copy<T>, {"embedding.v1_row_copy", dim3(a.tokens), row_threads(a.width)},
           stream, static_cast<T*>(a.y), static_cast<const T*>(a.table), a.ids, a.width);
  });
}

}  // namespace assay
