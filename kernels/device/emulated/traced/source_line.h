// Source lines of instructions, for reports.
#pragma once

#include <cstdint>
#include <string>

namespace assay::emulated::traced {

/// Code addresses in 31 bits: offsets into the program.
std::uint32_t site_of(const void* return_address);

/// "v2_registers.cu:37", or "reduce.h:37, called at v1_two_pass.cu:30" where code was inlined. By
/// the program's debug information and addr2line; where one is missing, the place in the program.
std::string source_line(std::uint32_t site);

}  // namespace assay::emulated::traced
