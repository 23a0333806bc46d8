// What the CUDA compiler says of kernels, and which kernels a version launched, put together: the
// compiled columns of a row, on a machine with or without a GPU.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device/launch_log.h"

namespace assay::suites {

/// Of one kernel on one architecture, as ptxas reports it.
struct KernelResources {
  int registers = 0;              // per thread
  std::int64_t spill_bytes = 0;   // per thread, stores and loads
  std::int64_t shared_bytes = 0;  // per block, static
  int barriers = 0;
};

/// A kernel function by the name that every compiler gives it: demangled, and with the names that
/// nvcc invents for anonymous namespaces written "(anonymous namespace)". What cannot be demangled
/// is returned as it is.
std::string function_name(const std::string& mangled);

/// kernel_resources.json of a CUDA build, for one architecture.
class ResourceTable {
 public:
  /// `arch` as "sm_90a"; "" where the table has just one. Throws InputError with the place in the
  /// file of what does not belong in such a table, and with the architectures that it has where
  /// `arch` is not one of them, or is not said and there are several.
  static ResourceTable read(const std::string& path, const std::string& arch);
  static ResourceTable parse(std::string_view text, const std::string& file,
                             const std::string& arch);

  const std::string& file() const { return file_; }
  const std::string& arch() const { return arch_; }
  const std::string& nvcc_version() const { return nvcc_version_; }

  /// Throws Error, saying how the table is made anew, where it has no such kernel, or has two of
  /// that name which are not alike.
  const KernelResources& find(const LaunchedKernel& kernel) const;

 private:
  struct Entry {
    KernelResources resources;
    bool ambiguous = false;
  };
  std::string file_;
  std::string arch_;
  std::string nvcc_version_;
  std::map<std::string, Entry> kernels_;  // by function_name()
};

/// The compiled columns, of all kernels that a version launched together.
struct CompiledWork {
  std::int64_t registers = 0;               // the most
  std::optional<std::int64_t> spill_bytes;  // the sum over different functions; none: not known
  std::int64_t shared_bytes = 0;            // the most, static and dynamic
  double occupancy = 1.0;                   // the least
  std::string arch;                         // of the table, "" without one
  std::string nvcc_version;
};

/// By what the GPU's driver says of each kernel, or else by `table`; spills are in the table only,
/// except that a kernel without local memory has none. None where nothing was launched, or there is
/// neither. Throws Error where a kernel is not in the table, and where table and driver disagree.
std::optional<CompiledWork> compiled_work(const std::vector<LaunchedKernel>& launched,
                                          const ResourceTable* table);

}  // namespace assay::suites
