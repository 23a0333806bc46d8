#include "kernels/device/emulated/traced/requests.h"

#include <algorithm>
#include <cstring>

namespace assay::emulated::traced {
namespace {

constexpr std::uint64_t SECTOR = 32;

// How many different sectors the lanes touch. Lanes mostly ascend, so a sector is mostly new or
// the one before.
std::uint64_t count_sectors(const std::uint64_t* addresses, int count, unsigned bytes) {
  std::uint64_t seen[64];
  int n = 0;
  std::uint64_t highest = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t last = (addresses[i] + bytes - 1) / SECTOR;
    for (std::uint64_t sector = addresses[i] / SECTOR; sector <= last; ++sector) {
      if (n > 0 && sector <= highest) {
        if (sector == highest) continue;
        if (std::find(seen, seen + n, sector) != seen + n) continue;
      } else {
        highest = sector;
      }
      seen[n++] = sector;
    }
  }
  return static_cast<std::uint64_t>(n);
}

// Passes over the banks: as many as the bank with the most different words needs.
int count_passes(const std::uint64_t* addresses, int count, unsigned bytes) {
  std::uint64_t words[32][32];
  int n[32] = {};
  int most = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t last = (addresses[i] + bytes - 1) / 4;
    for (std::uint64_t word = addresses[i] / 4; word <= last; ++word) {
      const std::size_t bank = word % 32;
      std::uint64_t* held = words[bank];
      if (std::find(held, held + n[bank], word) != held + n[bank]) continue;
      if (n[bank] == 32) continue;  // misaligned: no such access on a GPU
      held[n[bank]++] = word;
      most = std::max(most, n[bank]);
    }
  }
  return most;
}

}  // namespace

void count_request(Work& work, std::uint64_t key, const int* lanes, const std::uint64_t* addresses,
                   int count) {
  const auto bytes = static_cast<unsigned>(key >> 2 & 0x3fffffffu);
  const bool store = (key & 1u) != 0;
  if ((key & 2u) == 0) {
    const std::uint64_t sectors = count_sectors(addresses, count, bytes);
    const std::uint64_t asked = std::uint64_t{bytes} * static_cast<unsigned>(count);
    (store ? work.requests_written : work.requests_read) += 1;
    (store ? work.sectors_written : work.sectors_read) += sectors;
    (store ? work.bytes_written : work.bytes_read) += asked;
    return;
  }
  work.shared_requests += 1;
  // 8 bytes go by half warps, 16 by quarters: at most 128 bytes in a pass.
  const int group_lanes = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (int i = 0; i < count;) {
    const int group = lanes[i] / group_lanes;
    int end = i;
    while (end < count && lanes[end] / group_lanes == group) ++end;
    work.bank_conflicts += static_cast<unsigned>(count_passes(addresses + i, end - i, bytes) - 1);
    i = end;
  }
}

void RequestCounter::count(Work& work, LaneLog* logs, int lanes) {
  int active[32];
  int count = 0;
  bool uniform = true;
  for (int lane = 0; lane < lanes; ++lane) {
    if (logs[lane].size == 0) continue;
    active[count++] = lane;
    const LaneLog& first = logs[active[0]];
    uniform = uniform && logs[lane].size == first.size &&
              std::memcmp(logs[lane].keys, first.keys, first.size * sizeof(first.keys[0])) == 0;
  }
  if (count == 0) return;
  if (uniform) {
    const LaneLog& first = logs[active[0]];
    std::uint64_t addresses[32];
    for (std::size_t j = 0; j < first.size; ++j) {
      for (int i = 0; i < count; ++i) addresses[i] = logs[active[i]].addresses[j];
      count_request(work, first.keys[j], active, addresses, count);
    }
  } else {
    count_divergent(work, logs, lanes);
  }
  for (int lane = 0; lane < lanes; ++lane) logs[lane].size = 0;
}

std::size_t RequestCounter::find_slot(std::uint64_t key) {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = (key * 0x9E3779B97F4A7C15ULL >> 40) & mask;
  while (index_[slot] != 0 && instructions_[index_[slot] - 1].key != key) slot = (slot + 1) & mask;
  return slot;
}

void RequestCounter::count_divergent(Work& work, LaneLog* logs, int lanes) {
  instructions_.clear();
  index_.assign(256, 0);
  const auto place_of = [&](std::uint64_t key) {
    std::size_t slot = find_slot(key);
    if (index_[slot] == 0) {
      instructions_.push_back({});
      instructions_.back().key = key;
      if (instructions_.size() * 2 > index_.size()) {
        index_.assign(index_.size() * 2, 0);
        for (std::size_t i = 0; i + 1 < instructions_.size(); ++i) {
          index_[find_slot(instructions_[i].key)] = static_cast<std::uint32_t>(i + 1);
        }
        slot = find_slot(key);
      }
      index_[slot] = static_cast<std::uint32_t>(instructions_.size());
    }
    return index_[slot] - 1;
  };

  for (int lane = 0; lane < lanes; ++lane) {
    for (std::size_t j = 0; j < logs[lane].size; ++j) {
      Instruction& instruction = instructions_[place_of(logs[lane].keys[j])];
      instruction.most = std::max(instruction.most, ++instruction.times[lane]);
    }
  }
  std::size_t requests = 0;
  for (Instruction& instruction : instructions_) {
    instruction.first = requests;
    requests += instruction.most;
    std::fill(std::begin(instruction.times), std::end(instruction.times), 0u);
  }
  table_.assign(requests * 32, 0);
  for (int lane = 0; lane < lanes; ++lane) {
    for (std::size_t j = 0; j < logs[lane].size; ++j) {
      Instruction& instruction = instructions_[place_of(logs[lane].keys[j])];
      const std::size_t request = instruction.first + instruction.times[lane]++;
      table_[request * 32 + static_cast<std::size_t>(lane)] = logs[lane].addresses[j] + 1;
    }
  }
  for (const Instruction& instruction : instructions_) {
    for (std::size_t k = 0; k < instruction.most; ++k) {
      const std::uint64_t* row = &table_[(instruction.first + k) * 32];
      int active[32];
      std::uint64_t addresses[32];
      int count = 0;
      for (int lane = 0; lane < 32; ++lane) {
        if (row[lane] == 0) continue;
        active[count] = lane;
        addresses[count++] = row[lane] - 1;
      }
      count_request(work, instruction.key, active, addresses, count);
    }
  }
}

}  // namespace assay::emulated::traced
