// Beside each piece of device memory: which bytes were ever written, and who touched each granule
// last in this launch (global memory) or block (shared memory).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernels/device/emulated/traced/order.h"

namespace assay::emulated::traced {

enum class Access : std::uint8_t { kRead, kWrite, kAtomic };

/// The accesses to one granule that a later one may conflict with. Slot 0 is the last plain write;
/// 1 and 2 are reads and atomics since, by different threads, of different warps or blocks where
/// there are such: two are enough to find every conflict that more of them would show.
struct Cell {
  Stamp stamp[3];
  std::uint32_t site[3];  // an address in the program; the top bit is set for atomics
  std::uint32_t generation;
};

/// An earlier access that the new one conflicts with.
struct Conflict {
  bool found = false;
  Stamp stamp = 0;
  Access access = Access::kRead;
  std::uint32_t site = 0;
  std::size_t offset = 0;
};

class Shadow {
 public:
  /// For `bytes` of memory. Throws Error when memory is short; costs none until it is used.
  explicit Shadow(std::size_t bytes);
  ~Shadow();
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;

  /// [offset, offset + bytes) has been written, or has not.
  void mark(std::size_t offset, std::size_t bytes, bool written);
  /// The first byte of the range that nobody has written, or `bytes`.
  std::size_t first_unwritten(std::size_t offset, std::size_t bytes) const;
  /// [offset, ...) is as written as the same range of `from`.
  void copy_marks(std::size_t offset, const Shadow& from, std::size_t from_offset,
                  std::size_t bytes);

  /// Notes an access and answers with what it conflicts with. Accesses of another `generation` are
  /// forgotten. `lock`: other cores touch this memory meanwhile.
  Conflict touch(std::size_t offset, std::size_t bytes, Access access, std::uint32_t site,
                 std::uint32_t generation, const Order& order, bool lock);

 private:
  // Granules of a chunk are as small as its accesses ask for, 16 bytes to 1.
  struct Chunk {
    std::atomic<std::uint32_t> lock;
    std::uint32_t generation;
    std::uint32_t shift;  // log2 of the granule
  };
  static constexpr std::size_t CHUNK = 1024;

  void split(Chunk& chunk, Cell* cells, unsigned shift, std::uint32_t generation);
  Conflict touch_in_chunk(std::size_t index, std::size_t offset, std::size_t bytes, Access access,
                          std::uint32_t site, std::uint32_t generation, const Order& order,
                          bool lock);

  char* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  std::uint16_t* written_ = nullptr;  // a bit for each byte
  Chunk* chunks_ = nullptr;
  Cell* cells_ = nullptr;  // room for CHUNK in each chunk
};

}  // namespace assay::emulated::traced
