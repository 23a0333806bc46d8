// How many warps of a kernel fit on a multiprocessor, without one at hand: by cuda_occupancy.h, the
// CUDA toolkit's own calculation, and the limits of each architecture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace assay::suites {

/// What a kernel uses, as the compiler reports it, and how it is launched.
struct KernelFootprint {
  int registers = 0;                    // per thread
  std::size_t static_shared_bytes = 0;  // per block
  int barriers = 0;                     // named ones, of 16
  int block_threads = 0;
  std::size_t dynamic_shared_bytes = 0;
};

/// Resident warps / most that fit, from 0 (it cannot run) to 1. `arch` as "sm_90a" or "sm_90".
/// Throws InputError, naming those that are known, for another architecture.
double occupancy(const std::string& arch, const KernelFootprint& kernel);

}  // namespace assay::suites
