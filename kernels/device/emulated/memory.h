// The emulated device's memory: every buffer lies against an inaccessible page, is poisoned when
// allocated and stays inaccessible after it is freed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace assay::emulated {

/// The byte that fresh memory is filled with: NaN in every floating type, -1 in every signed one.
inline constexpr int POISON = 0xFF;

namespace traced {
class Shadow;
}

void* allocate(std::size_t bytes, const std::string& name);
void deallocate(void* data) noexcept;

/// What lies at an address that device code may not touch, in words: "4 bytes past the end of
/// buffer 'x' (4096 bytes)". "" where no buffer is or was near.
std::string describe_address(std::uintptr_t address);

/// A place inside a live buffer, in words: "offset 128 of buffer 'x' (4096 bytes)".
std::string describe_inside(std::uintptr_t address);

/// A live buffer and, where device code is traced, its shadow.
struct LiveMemory {
  std::uintptr_t data = 0;
  std::size_t bytes = 0;
  traced::Shadow* shadow = nullptr;
};
/// The live buffer whose mapping holds `address`; false where there is none.
bool find_live(std::uintptr_t address, LiveMemory* memory);

/// Throws Error unless [data, data + bytes) lies in one live buffer.
void require_inside(const void* data, std::size_t bytes, const char* what);

/// The first damaged guard zone, in words, or "". Looks at every live buffer.
std::string find_damaged_guard();

}  // namespace assay::emulated
