// Which kernel functions were started, and how: what the CUDA compiler says of a kernel is known by
// its function, what a report says of it by the name it was launched under.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace assay {

/// What a GPU's driver says of a kernel that it has loaded.
struct LoadedKernel {
  int registers = 0;             // per thread
  std::size_t local_bytes = 0;   // per thread: spilled registers, and arrays that have no register
  std::size_t shared_bytes = 0;  // per block, without dynamic shared memory
  int blocks_per_sm = 0;         // at this launch's block and dynamic shared memory
  double occupancy = 0.0;        // resident warps / most that fit
};

/// A kernel as it was started.
struct LaunchedKernel {
  std::string name;      // "<op>.<version>", as LaunchShape has it
  std::string function;  // the kernel function, mangled by this build's compiler; "" if not known
  int block_threads = 0;
  std::size_t dynamic_shared_bytes = 0;
  std::optional<LoadedKernel> loaded = {};  // on a GPU
};

/// Notes every launch() between its construction and its end, whether run or recorded for a graph.
/// Work that is no kernel of this project's, such as a library's matrix product, is not among them.
class LaunchLog {
 public:
  /// Throws Error where there is another log already.
  LaunchLog();
  ~LaunchLog();
  LaunchLog(const LaunchLog&) = delete;
  LaunchLog& operator=(const LaunchLog&) = delete;

  /// The different ones, in the order of their first launch. The same kernel with another block or
  /// other dynamic shared memory is another one.
  std::vector<LaunchedKernel> kernels() const;
};

namespace detail {

/// Notes a launch if there is a log.
void log_launch(const char* name, const void* kernel, int block_threads,
                std::size_t dynamic_shared_bytes);

/// Of this device: the function's mangled name, and on a GPU what is loaded. Fills in `launched`.
void describe_kernel(LaunchedKernel& launched, const void* kernel);

}  // namespace detail
}  // namespace assay
