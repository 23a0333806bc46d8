#include "kernels/device/emulated/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "kernels/device/buffer.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#ifdef ASSAY_TRACED
#include "kernels/device/emulated/traced/shadow.h"
#endif

namespace assay::emulated {
namespace {

#ifdef ASSAY_TRACED
constexpr std::size_t ALIGNMENT = 256;  // as on a GPU: sectors are counted, and ends checked
#else
constexpr std::size_t ALIGNMENT = 16;  // so that the end of a buffer meets the guard page
#endif
constexpr std::size_t GUARD_BYTES = 64;  // checked before a buffer, and to the page's end after
constexpr std::size_t MAX_FREED = 4096;  // freed regions kept inaccessible

// One mapping: [inaccessible page][guard | data | slack][inaccessible page].
struct Region {
  std::string name;
  char* mapping;
  std::size_t mapping_bytes;
  char* data;
  std::size_t bytes;
  bool live;
  traced::Shadow* shadow = nullptr;
  char* slack_end() const { return mapping + mapping_bytes - page(); }
  static std::size_t page() {
    static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return size;
  }
};

struct Memory {
  std::mutex mutex;
  std::map<std::uintptr_t, Region> regions;  // by address of the mapping
  std::map<void*, std::uintptr_t> by_data;
  std::deque<std::uintptr_t> freed;
  MemoryStats stats;
};

Memory& memory() {
  static auto* instance = new Memory;  // outlives every static DeviceBuffer
  return *instance;
}

std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// The mapping that holds `address`, its inaccessible pages included.
const Region* find_region(std::uintptr_t address) {
  auto after = memory().regions.upper_bound(address);
  if (after == memory().regions.begin()) return nullptr;
  const Region& region = std::prev(after)->second;
  return address < address_of(region.mapping) + region.mapping_bytes ? &region : nullptr;
}

bool all_poison(const char* from, const char* to) {
  for (; from < to; ++from) {
    if (static_cast<unsigned char>(*from) != POISON) return false;
  }
  return true;
}

std::string quoted(const Region& region) {
  return "buffer '" + region.name + "' (" + std::to_string(region.bytes) + " bytes)";
}

std::string damage(const Region& region) {
  if (!all_poison(region.data - GUARD_BYTES, region.data)) {
    return "wrote before the start of " + quoted(region);
  }
  if (!all_poison(region.data + region.bytes, region.slack_end())) {
    return "wrote past the end of " + quoted(region);
  }
  return "";
}

}  // namespace

void* allocate(std::size_t bytes, const std::string& name) {
  const std::size_t page = Region::page();
  const std::size_t slot = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  const std::size_t body = (GUARD_BYTES + slot + page - 1) / page * page;
  Region region{name, nullptr, body + 2 * page, nullptr, bytes, true, nullptr};
  void* mapping = mmap(nullptr, region.mapping_bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED ||
      mprotect(static_cast<char*>(mapping) + page, body, PROT_READ | PROT_WRITE) != 0) {
    const int cause = errno;
    if (mapping != MAP_FAILED) munmap(mapping, region.mapping_bytes);
    throw Error("out of memory: asked for " + std::to_string(bytes) + " bytes for buffer '" + name +
                "' on the emulated device: " + std::strerror(cause));
  }
  region.mapping = static_cast<char*>(mapping);
  region.data = region.slack_end() - slot;
  std::memset(region.mapping + page, POISON, body);
#ifdef ASSAY_TRACED
  region.shadow = new traced::Shadow(bytes);
#endif

  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  m.by_data[region.data] = address_of(mapping);
  m.regions[address_of(mapping)] = region;
  m.stats.live_bytes += bytes;
  m.stats.allocations += 1;
  m.stats.peak_bytes = std::max(m.stats.peak_bytes, m.stats.live_bytes);
  return region.data;
}

void deallocate(void* data) noexcept {
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  const auto found = m.by_data.find(data);
  if (found == m.by_data.end()) return;
  const std::uintptr_t key = found->second;
  Region& region = m.regions[key];
  m.by_data.erase(found);
  m.stats.live_bytes -= region.bytes;
  region.live = false;
#ifdef ASSAY_TRACED
  delete std::exchange(region.shadow, nullptr);
#endif
  // Mapping fresh inaccessible pages over the old ones frees the memory and keeps the addresses.
  if (mmap(region.mapping, region.mapping_bytes, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
    mprotect(region.mapping, region.mapping_bytes,
             PROT_NONE);  // still catches, but keeps the memory
  }
  m.freed.push_back(key);
  if (m.freed.size() > MAX_FREED) {
    const Region& oldest = m.regions[m.freed.front()];
    munmap(oldest.mapping, oldest.mapping_bytes);
    m.regions.erase(m.freed.front());
    m.freed.pop_front();
  }
}

std::string describe_address(std::uintptr_t address) {
  const std::lock_guard lock(memory().mutex);
  const Region* region = find_region(address);
  if (region == nullptr) return "";
  if (!region->live) return "memory of " + quoted(*region) + " after it was freed";
  const std::uintptr_t start = address_of(region->data);
  if (address < start) {
    return std::to_string(start - address) + " bytes before the start of " + quoted(*region);
  }
  return std::to_string(address - start - region->bytes) + " bytes past the end of " +
         quoted(*region);
}

std::string describe_inside(std::uintptr_t address) {
  const std::lock_guard lock(memory().mutex);
  const Region* region = find_region(address);
  if (region == nullptr) return "no device memory";
  return "offset " + std::to_string(address - address_of(region->data)) + " of " + quoted(*region);
}

bool find_live(std::uintptr_t address, LiveMemory* found) {
  const std::lock_guard lock(memory().mutex);
  const Region* region = find_region(address);
  if (region == nullptr || !region->live) return false;
  *found = {address_of(region->data), region->bytes, region->shadow};
  return true;
}

void require_inside(const void* data, std::size_t bytes, const char* what) {
  if (bytes == 0) return;
  const std::lock_guard lock(memory().mutex);
  const Region* region = find_region(address_of(data));
  const std::string asked = std::string(what) + " of " + std::to_string(bytes) + " bytes";
  if (region == nullptr) throw Error(asked + " at an address that is not device memory");
  if (!region->live) throw Error(asked + " touches " + quoted(*region) + " after it was freed");
  const char* first = static_cast<const char*>(data);
  if (first < region->data || first + bytes > region->data + region->bytes) {
    throw Error(asked + " at offset " + std::to_string(first - region->data) +
                " does not fit into " + quoted(*region));
  }
}

std::string find_damaged_guard() {
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  for (const auto& [data, key] : m.by_data) {
    std::string found = damage(m.regions[key]);
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace assay::emulated

namespace assay {

void* detail::allocate(std::size_t bytes, const std::string& name) {
  return emulated::allocate(bytes, name);
}
void detail::deallocate(void* data) noexcept {
  if (data != nullptr) emulated::deallocate(data);
}

MemoryStats memory_stats() {
  const std::lock_guard lock(emulated::memory().mutex);
  return emulated::memory().stats;
}
void reset_memory_stats() {
  const std::lock_guard lock(emulated::memory().mutex);
  MemoryStats& stats = emulated::memory().stats;
  stats.peak_bytes = stats.live_bytes;
  stats.allocations = 0;
}

}  // namespace assay
