// From the accesses of single lanes to the requests of a warp, and what those cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/device/work.h"

namespace assay::emulated::traced {

/// What one lane did between two points where its warp meets, in its order. An entry's key says
/// which instruction: its address in the program, the width, where to, and whether it stores.
struct LaneLog {
  static constexpr std::size_t CAPACITY = 4096;
  std::uint64_t* keys = nullptr;
  std::uint64_t* addresses = nullptr;
  std::size_t size = 0;

  void add(std::uint32_t site, unsigned bytes, bool shared, bool store, std::uint64_t address) {
    keys[size] = std::uint64_t{site} << 32 | bytes << 2 | (shared ? 2u : 0u) | (store ? 1u : 0u);
    addresses[size] = address;
    ++size;
  }
};

/// Adds one request to `work`: `count` lanes, those in `lanes` (ascending), at `addresses`.
void count_request(Work& work, std::uint64_t key, const int* lanes, const std::uint64_t* addresses,
                   int count);

/// Turns the logs of a warp's lanes into requests and empties them. The k-th time that a lane came
/// by an instruction belongs with the k-th time of every other lane.
class RequestCounter {
 public:
  void count(Work& work, LaneLog* logs, int lanes);

 private:
  void count_divergent(Work& work, LaneLog* logs, int lanes);
  std::size_t find_slot(std::uint64_t key);

  // Instructions met in the logs at hand: open addressing by key.
  struct Instruction {
    std::uint64_t key = 0;
    std::uint32_t times[32] = {};  // by lane
    std::uint32_t most = 0;
    std::size_t first = 0;  // its first request in `table_`
  };
  std::vector<Instruction> instructions_;
  std::vector<std::uint32_t> index_;  // place in `instructions_` + 1, or 0
  std::vector<std::uint64_t> table_;  // (request, lane): address + 1, or 0
};

}  // namespace assay::emulated::traced
