// Whole files in and out.
#pragma once

#include <filesystem>
#include <string>

namespace assay::reference {

/// The bytes of a file; InputError where it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes under a temporary name beside `path`, then renames: nothing half-written stays.
void write_file(const std::filesystem::path& path, const std::string& bytes);

}  // namespace assay::reference
