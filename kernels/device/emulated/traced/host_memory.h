// Memory that is not the device's.
#pragma once

#include <cstdint>

namespace assay::emulated::traced {

/// Whether `address` lies in what the program or one of its libraries was loaded with: tables and
/// other constants of device code, which the host compiler puts there.
bool is_program_constant(std::uintptr_t address);

}  // namespace assay::emulated::traced
