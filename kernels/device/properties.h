// What the one device of this build is, and what has been asked of it so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace assay {

enum class DeviceKind : std::uint8_t { kEmulated, kCuda };

/// The current device. Sizes in bytes; `compute_capability` is 10 * major + minor.
struct Properties {
  DeviceKind kind = DeviceKind::kEmulated;
  std::string name;
  int compute_capability = 0;
  int sm_count = 0;
  std::size_t l2_bytes = 0;
  std::size_t total_memory_bytes = 0;
  std::size_t shared_bytes_per_block = 0;  // with the opt-in that launch() makes
  std::string driver;   // CUDA version that the driver supports, "" when emulated
  std::string runtime;  // CUDA runtime version, "" when emulated
  bool ecc = false;
};

/// Properties of the current device. Throws Error where a CUDA build finds no usable GPU.
const Properties& properties();

/// The state of the GPU at this moment, as NVML reports it; empty where it does not, or there is
/// none.
struct Conditions {
  std::optional<int> sm_mhz;
  std::optional<int> mem_mhz;
  std::optional<int> temp_c;
  std::optional<double> power_w;
  std::string throttle;  // reasons for lowered clocks, separated by spaces; "none"
};
Conditions read_conditions();

/// Whether a GPU's memory is filled with NaN: when it is allocated, outputs before a check, and
/// shared memory. True unless ASSAY_POISON is 0 in the environment, as under compute-sanitizer: to
/// its initcheck poisoned memory is written memory, and its racecheck follows every store.
bool poisons_memory();

/// "cuda" or "emulated", as reports write it.
const char* name_of(DeviceKind kind);

/// What device buffers hold and held, this process, in bytes as asked for.
struct MemoryStats {
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
  std::uint64_t allocations = 0;
};
MemoryStats memory_stats();
/// Makes the present the new start of `peak_bytes` and `allocations`.
void reset_memory_stats();

/// Kernels launched so far in this process; a graph replay counts each kernel in the graph.
std::uint64_t launch_count();

/// Seeds the order in which the emulated device runs threads and blocks from the next launch on,
/// whatever was launched before; nothing on a GPU.
void set_schedule_seed(std::uint64_t seed);

}  // namespace assay
