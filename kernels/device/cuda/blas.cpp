#include "kernels/device/blas.h"

#include <cublasLt.h>

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/device/buffer.h"
#include "kernels/device/cuda/check.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

constexpr std::size_t WORKSPACE_BYTES = 32 << 20;

void check(cublasStatus_t status, const std::string& what) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw Error("cuBLASLt: " + what + ": " + cublasLtGetStatusString(status));
  }
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return CUDA_R_32F;
    case DType::kF16:
      return CUDA_R_16F;
    case DType::kBF16:
      return CUDA_R_16BF;
    default:
      throw Error("a matrix product of " + std::string(name_of(dtype)) + " elements");
  }
}

// What one shape needs, made once: descriptors and the first algorithm that cuBLASLt's heuristic
// names.
struct Plan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t w = nullptr;
  cublasLtMatrixLayout_t x = nullptr;
  cublasLtMatrixLayout_t y = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t launches = 0;  // of one product: two where the sum is split along k; 0: not known yet
};

struct Problem {
  int m, n, k;
  DType dtype;
  bool bias;
  auto tied() const { return std::tie(m, n, k, dtype, bias); }
  bool operator<(const Problem& other) const { return tied() < other.tied(); }
};

// Handle, workspace and plans live as long as the process: freeing them after CUDA's own teardown
// would be an error.
class Blas {
 public:
  static Blas& instance() {
    static auto* blas = new Blas;
    return *blas;
  }

  void multiply(void* y, const void* x, const void* w, const void* bias, const Problem& problem,
                const Stream& stream) {
    const std::lock_guard lock(mutex_);
    Plan& plan = plan_for(problem);
    if (problem.bias) {
      check(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                           sizeof(bias)),
            "setting the bias");
    }
    const auto queue = [&](cudaStream_t on) {
      const float one = 1.0f;
      const float zero = 0.0f;
      check(cublasLtMatmul(handle_, plan.operation, &one, w, plan.w, x, plan.x, &zero, y, plan.y, y,
                           plan.y, &plan.algorithm, workspace_.data(), WORKSPACE_BYTES, on),
            describe(problem));
    };
    queue(stream.native());  // loads the kernels, which recording must not
    if (plan.launches == 0) plan.launches = count_kernels(queue);
    cuda::count_launches(plan.launches);
  }

 private:
  Blas() : workspace_(WORKSPACE_BYTES, "cuBLASLt workspace") {
    check(cublasLtCreate(&handle_), "creating a handle");
  }

  // How many kernels that is, by recording it: cuBLASLt does not say.
  template <class Queue>
  std::size_t count_kernels(const Queue& queue) const {
    ASSAY_CUDA(cudaStreamBeginCapture(recorder_.native(), cudaStreamCaptureModeThreadLocal));
    cudaGraph_t graph = nullptr;
    try {
      queue(recorder_.native());
    } catch (...) {
      cudaStreamEndCapture(recorder_.native(), &graph);
      cudaGraphDestroy(graph);
      cudaGetLastError();
      throw;
    }
    ASSAY_CUDA(cudaStreamEndCapture(recorder_.native(), &graph));
    std::size_t count = 0;
    ASSAY_CUDA(cudaGraphGetNodes(graph, nullptr, &count));
    std::vector<cudaGraphNode_t> nodes(count);
    ASSAY_CUDA(cudaGraphGetNodes(graph, nodes.data(), &count));
    std::size_t kernels = 0;
    for (const cudaGraphNode_t node : nodes) {
      cudaGraphNodeType type{};
      ASSAY_CUDA(cudaGraphNodeGetType(node, &type));
      kernels += type == cudaGraphNodeTypeKernel;
    }
    ASSAY_CUDA(cudaGraphDestroy(graph));
    return kernels;
  }

  static std::string describe(const Problem& p) {
    return "m " + std::to_string(p.m) + ", n " + std::to_string(p.n) + ", k " +
           std::to_string(p.k) + ", " + std::string(name_of(p.dtype)) + (p.bias ? ", bias" : "");
  }

  // Row-major y (m, n) = x w^T is, column-major, y (n, m) = w (k, n)^T x (k, m).
  Plan& plan_for(const Problem& p) {
    const auto found = plans_.find(p);
    if (found != plans_.end()) return found->second;
    const cudaDataType_t type = type_of(p.dtype);
    const auto size = [](int extent) { return static_cast<std::uint64_t>(extent); };
    Plan plan;
    check(cublasLtMatmulDescCreate(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
          "describing a product");
    const cublasOperation_t transpose = CUBLAS_OP_T;
    check(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, &transpose,
                                         sizeof(transpose)),
          "setting the transposition");
    if (p.bias) {
      const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
      check(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                           sizeof(epilogue)),
            "setting the epilogue");
    }
    check(cublasLtMatrixLayoutCreate(&plan.w, type, size(p.k), size(p.n), p.k), "describing w");
    check(cublasLtMatrixLayoutCreate(&plan.x, type, size(p.k), size(p.m), p.k), "describing x");
    check(cublasLtMatrixLayoutCreate(&plan.y, type, size(p.n), size(p.m), p.n), "describing y");
    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference), "creating a preference");
    const std::size_t workspace = WORKSPACE_BYTES;
    check(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &workspace, sizeof(workspace)),
          "setting the workspace");
    // Partial sums of a split K are added in fp32: the result is rounded once.
    const std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    check(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                             &reductions, sizeof(reductions)),
        "setting the reductions");
    // Algorithms must take the least aligned operand that callers may pass: one element.
    const std::uint32_t alignment = static_cast<std::uint32_t>(size_of(p.dtype));
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      const std::uint32_t bytes = p.k % 8 == 0 && p.n % 8 == 0 ? 16 : alignment;
      check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &bytes, sizeof(bytes)),
            "setting the alignment");
    }
    cublasLtMatmulHeuristicResult_t result{};
    int results = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, plan.operation, plan.w, plan.x, plan.y, plan.y, preference, 1, &result, &results);
    cublasLtMatmulPreferenceDestroy(preference);
    check(status, "no algorithm for " + describe(p));
    if (results == 0) throw Error("cuBLASLt: no algorithm for " + describe(p));
    plan.algorithm = result.algo;
    return plans_.emplace(p, plan).first->second;
  }

  std::mutex mutex_;
  cublasLtHandle_t handle_ = nullptr;
  DeviceBuffer<char> workspace_;
  Stream recorder_;
  std::map<Problem, Plan> plans_;
};

}  // namespace

void gemm_nt(void* y, const void* x, const void* w, const void* bias, int m, int n, int k,
             DType dtype, const Stream& stream) {
  Blas::instance().multiply(y, x, w, bias, {m, n, k, dtype, bias != nullptr}, stream);
}

std::size_t blas_workspace_bytes() { return WORKSPACE_BYTES; }

}  // namespace assay
