// The safetensors format: an 8-byte little-endian header length, a JSON header, the data.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace assay::reference {

using TensorMap = std::map<std::string, at::Tensor>;

/// All tensors of one file, on the CPU in their stored dtype. Throws InputError for a file that is
/// missing, cut short or inconsistent.
TensorMap read_safetensors(const std::filesystem::path& path);

/// Writes all tensors (F64, F32, F16, BF16, I32, U8) under a temporary name and renames.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors);

}  // namespace assay::reference
