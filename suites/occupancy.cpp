#include "suites/occupancy.h"

#include <cuda_occupancy.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

constexpr std::size_t KIB = 1024;

// CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability". What is not
// here (allocation units, blocks per multiprocessor) cuda_occupancy.h knows itself.
struct Architecture {
  int major;
  int minor;
  int threads_per_sm;
  std::size_t shared_per_sm;
  std::size_t shared_per_block;  // with the opt-in that launch() makes
};
constexpr Architecture ARCHITECTURES[] = {
    {8, 0, 2048, 164 * KIB, 163 * KIB},  {8, 6, 1536, 100 * KIB, 99 * KIB},
    {8, 9, 1536, 100 * KIB, 99 * KIB},   {9, 0, 2048, 228 * KIB, 227 * KIB},
    {10, 0, 2048, 228 * KIB, 227 * KIB}, {12, 0, 1536, 100 * KIB, 99 * KIB},
};

std::string name_of(const Architecture& a) { return fmt::format("sm_{}{}", a.major, a.minor); }

const Architecture& find(const std::string& arch) {
  std::string plain = arch;  // sm_90a and sm_100f have the limits of sm_90 and sm_100
  if (!plain.empty() && (plain.back() == 'a' || plain.back() == 'f')) plain.pop_back();
  const auto* found = std::find_if(std::begin(ARCHITECTURES), std::end(ARCHITECTURES),
                                   [&](const Architecture& a) { return name_of(a) == plain; });
  if (found != std::end(ARCHITECTURES)) return *found;
  std::vector<std::string> known;
  for (const Architecture& a : ARCHITECTURES) known.push_back(name_of(a));
  throw InputError(fmt::format(
      "architecture '{}': its limits are not known, so neither is an occupancy; known are {}", arch,
      fmt::join(known, ", ")));
}

}  // namespace

double occupancy(const std::string& arch, const KernelFootprint& kernel) {
  const Architecture& limits = find(arch);
  cudaOccDeviceProp device;
  device.computeMajor = limits.major;
  device.computeMinor = limits.minor;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = limits.threads_per_sm;
  device.regsPerBlock = 64 * KIB;
  device.regsPerMultiprocessor = 64 * KIB;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 * KIB;
  device.sharedMemPerMultiprocessor = limits.shared_per_sm;
  device.numSms = 1;
  device.sharedMemPerBlockOptin = limits.shared_per_block;
  device.reservedSharedMemPerBlock = KIB;

  cudaOccFuncAttributes function;
  function.maxThreadsPerBlock = 1024;
  function.numRegs = kernel.registers;
  function.sharedSizeBytes = kernel.static_shared_bytes;
  function.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  function.maxDynamicSharedSizeBytes = kernel.dynamic_shared_bytes;
  function.numBlockBarriers = std::max(kernel.barriers, 1);

  const cudaOccDeviceState state;
  cudaOccResult result;
  const cudaOccError error = cudaOccMaxActiveBlocksPerMultiprocessor(
      &result, &device, &function, &state, kernel.block_threads, kernel.dynamic_shared_bytes);
  if (error != CUDA_OCC_SUCCESS) {
    throw Error(fmt::format(
        "cuda_occupancy.h refuses {} threads, {} registers, {} + {} bytes of shared memory on {}",
        kernel.block_threads, kernel.registers, kernel.static_shared_bytes,
        kernel.dynamic_shared_bytes, arch));
  }
  const int warps = (kernel.block_threads + 31) / 32;
  return static_cast<double>(result.activeBlocksPerMultiprocessor * warps) /
         (limits.threads_per_sm / 32);
}

}  // namespace assay::suites
