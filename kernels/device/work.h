// What kernels asked of the memory system, counted access by access. Only the traced build of the
// emulated device counts (preset `emulated-traced`); its counts depend on nothing but the kernels
// and their arguments: not on the schedule's seed, nor on the number of cores.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace assay {

/// Sums over the launches of one kernel. A request is one load or store instruction of one warp.
/// See emulated/README.md for how lanes are matched into requests, and for ncu's names.
struct Work {
  std::uint64_t launches = 0;
  std::uint64_t requests_read = 0;     // of global memory
  std::uint64_t requests_written = 0;  // of global memory
  std::uint64_t sectors_read = 0;      // different 32-byte sectors, per request
  std::uint64_t sectors_written = 0;
  std::uint64_t bytes_read = 0;  // asked for by the lanes
  std::uint64_t bytes_written = 0;
  std::uint64_t shared_requests = 0;
  std::uint64_t bank_conflicts = 0;  // passes over the 32 banks beyond the fewest possible
  std::uint64_t barriers = 0;        // __syncthreads, once for each block
  std::uint64_t shuffles = 0;        // per warp and 4 bytes exchanged
  std::uint64_t atomics = 0;         // per thread

  Work& operator+=(const Work& other);
  bool operator==(const Work& other) const;
};

/// Whether this build counts at all, and reports races, unwritten reads and stray accesses.
bool counts_work();

/// Forgets what was counted.
void reset_work();

/// What was counted since, by the name that a kernel was launched under. Empty where counts_work()
/// is false; launches that ended in an Error are left out.
std::map<std::string, Work> work_by_kernel();

}  // namespace assay
