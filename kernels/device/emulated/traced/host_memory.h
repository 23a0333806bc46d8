// What the host does with the device's memory, and what device code may do with the host's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::emulated::traced {

/// Whether `address` lies in what the program or one of its libraries was loaded with: tables and
/// other constants of device code, which the host compiler puts there.
bool is_program_constant(std::uintptr_t address);

/// Host work on device memory: what it wrote, what it left unwritten, what it moved.
void mark_written(const void* data, std::size_t bytes, bool written = true);
void copy_written(const void* to, const void* from, std::size_t bytes);
/// Throws Error where host work is about to read what nobody wrote.
void require_written(const void* data, std::size_t bytes, const char* what);

}  // namespace assay::emulated::traced
