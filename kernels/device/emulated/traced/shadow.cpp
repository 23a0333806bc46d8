#include "kernels/device/emulated/traced/shadow.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "kernels/device/error.h"

namespace assay::emulated::traced {
namespace {

constexpr std::uint32_t ATOMIC_SITE = 1u << 31;
constexpr unsigned WIDEST_SHIFT = 4;

bool is_atomic(std::uint32_t site) { return (site & ATOMIC_SITE) != 0; }

bool conflicts(Stamp earlier, const Order& order) {
  return earlier != 0 && !same_thread(earlier, order.now) && !order.covers(earlier);
}

// The slot whose access conflicts with this one, or -1.
int find_conflict(const Cell& cell, Access access, const Order& order) {
  if (conflicts(cell.stamp[0], order)) return 0;
  for (int i = 1; i < 3; ++i) {
    const bool harmless = access == Access::kRead     ? !is_atomic(cell.site[i])
                          : access == Access::kAtomic ? is_atomic(cell.site[i])
                                                      : false;
    if (!harmless && conflicts(cell.stamp[i], order)) return i;
  }
  return -1;
}

// Slot for a read or an atomic. What is ordered before it and of its kind says no more than it.
int choose_slot(const Cell& cell, std::uint32_t site, const Order& order) {
  for (int i = 1; i < 3; ++i) {
    if (is_atomic(cell.site[i]) == is_atomic(site) && cell.stamp[i] != 0 &&
        same_thread(cell.stamp[i], order.now)) {
      return i;
    }
  }
  for (int i = 1; i < 3; ++i) {
    if (cell.stamp[i] == 0) return i;
  }
  for (int i = 1; i < 3; ++i) {
    if (is_atomic(cell.site[i]) == is_atomic(site) && order.covers(cell.stamp[i])) return i;
  }
  const Stamp a = cell.stamp[1];
  const Stamp b = cell.stamp[2];
  if (block_of(a) == block_of(b) && block_of(order.now) != block_of(a)) return 2;
  if (same_warp(a, b) && !same_warp(a, order.now)) return 2;
  return 0;  // the two that are kept show all that this one would
}

void record(Cell& cell, Access access, std::uint32_t site, const Order& order) {
  if (access == Access::kWrite) {
    cell.stamp[0] = order.now;
    cell.site[0] = site;
    cell.stamp[1] = cell.stamp[2] = 0;
    return;
  }
  if (access == Access::kAtomic) site |= ATOMIC_SITE;
  const int slot = choose_slot(cell, site, order);
  if (slot == 0) return;
  cell.stamp[slot] = order.now;
  cell.site[slot] = site;
}

}  // namespace

Shadow::Shadow(std::size_t bytes) {
  const auto pages = [](std::size_t size) { return (size + 4095) / 4096 * 4096; };
  const std::size_t count = bytes / CHUNK + 1;
  const std::size_t written_bytes = pages((bytes / 16 + 2) * sizeof(*written_));
  const std::size_t chunk_bytes = pages(count * sizeof(Chunk));
  mapping_bytes_ = written_bytes + chunk_bytes + count * CHUNK * sizeof(Cell);
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    throw Error("no memory to trace " + std::to_string(bytes) +
                " bytes of device memory: " + std::strerror(errno));
  }
  mapping_ = static_cast<char*>(mapping);
  written_ = reinterpret_cast<std::uint16_t*>(mapping_);
  chunks_ = reinterpret_cast<Chunk*>(mapping_ + written_bytes);
  cells_ = reinterpret_cast<Cell*>(mapping_ + written_bytes + chunk_bytes);
}

Shadow::~Shadow() { munmap(mapping_, mapping_bytes_); }

void Shadow::mark(std::size_t offset, std::size_t bytes, bool written) {
  while (bytes > 0) {
    const std::size_t first = offset % 16;
    const std::size_t part = std::min(bytes, 16 - first);
    const auto mask = static_cast<std::uint16_t>(((1u << part) - 1) << first);
    std::uint16_t* word = &written_[offset / 16];
    if (!written) {
      __atomic_fetch_and(word, static_cast<std::uint16_t>(~mask), __ATOMIC_RELAXED);
    } else if ((__atomic_load_n(word, __ATOMIC_RELAXED) & mask) != mask) {
      __atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
    }
    offset += part;
    bytes -= part;
  }
}

std::size_t Shadow::first_unwritten(std::size_t offset, std::size_t bytes) const {
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t first = (offset + done) % 16;
    const std::size_t part = std::min(bytes - done, 16 - first);
    const unsigned mask = ((1u << part) - 1) << first;
    const unsigned missing =
        mask & ~unsigned{__atomic_load_n(&written_[(offset + done) / 16], __ATOMIC_RELAXED)};
    if (missing != 0) return done + static_cast<unsigned>(__builtin_ctz(missing)) - first;
    done += part;
  }
  return bytes;
}

void Shadow::copy_marks(std::size_t offset, const Shadow& from, std::size_t from_offset,
                        std::size_t bytes) {
  const auto copy = [&](std::size_t i) {
    mark(offset + i, 1, from.first_unwritten(from_offset + i, 1) == 1);
  };
  if (&from == this && from_offset < offset) {
    for (std::size_t i = bytes; i-- > 0;) copy(i);
  } else {
    for (std::size_t i = 0; i < bytes; ++i) copy(i);
  }
}

void Shadow::split(Chunk& chunk, Cell* cells, unsigned shift, std::uint32_t generation) {
  const unsigned factor = 1u << (chunk.shift - shift);
  for (std::size_t i = CHUNK >> chunk.shift; i-- > 0;) {
    const Cell parent = cells[i];
    for (unsigned child = 0; child < factor; ++child) {
      Cell& cell = cells[i * factor + child];
      if (parent.generation == generation) {
        cell = parent;
      } else {
        cell.generation = 0;
      }
    }
  }
  chunk.shift = shift;
}

Conflict Shadow::touch_in_chunk(std::size_t index, std::size_t offset, std::size_t bytes,
                                Access access, std::uint32_t site, std::uint32_t generation,
                                const Order& order, bool lock) {
  Chunk& chunk = chunks_[index];
  Cell* cells = cells_ + index * CHUNK;
  if (lock) {
    while (chunk.lock.exchange(1, std::memory_order_acquire) != 0) __builtin_ia32_pause();
  }
  const unsigned fits = std::min(
      WIDEST_SHIFT, static_cast<unsigned>(__builtin_ctz(static_cast<unsigned>(offset | bytes))));
  if (chunk.generation != generation) {
    chunk.generation = generation;
    chunk.shift = fits;
    // Cells of the same generation cannot be left here: they are written after their chunk's.
  } else if (fits < chunk.shift) {
    split(chunk, cells, fits, generation);
  }
  Conflict conflict;
  const std::size_t last = (offset + bytes - 1) >> chunk.shift;
  for (std::size_t i = offset >> chunk.shift; i <= last; ++i) {
    Cell& cell = cells[i];
    if (cell.generation != generation) {
      std::memset(&cell, 0, sizeof(cell));
      cell.generation = generation;
    } else {
      const int slot = find_conflict(cell, access, order);
      if (slot >= 0) {
        conflict.found = true;
        conflict.stamp = cell.stamp[slot];
        conflict.site = cell.site[slot] & ~ATOMIC_SITE;
        conflict.access = slot == 0                    ? Access::kWrite
                          : is_atomic(cell.site[slot]) ? Access::kAtomic
                                                       : Access::kRead;
        conflict.offset = index * CHUNK + std::max(offset, i << chunk.shift);
        break;
      }
    }
    record(cell, access, site, order);
  }
  if (lock) chunk.lock.store(0, std::memory_order_release);
  return conflict;
}

Conflict Shadow::touch(std::size_t offset, std::size_t bytes, Access access, std::uint32_t site,
                       std::uint32_t generation, const Order& order, bool lock) {
  while (bytes > 0) {
    const std::size_t part = std::min(bytes, CHUNK - offset % CHUNK);
    const Conflict conflict =
        touch_in_chunk(offset / CHUNK, offset % CHUNK, part, access, site, generation, order, lock);
    if (conflict.found) return conflict;
    offset += part;
    bytes -= part;
  }
  return {};
}

}  // namespace assay::emulated::traced
