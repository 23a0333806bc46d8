// Random checkpoints that nobody has to ship: every weight is a hash of its name and index, the
// same in suites/golden/make_golden.py. Torch-free to include.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace assay::reference {

/// Writes config.json (as given) and model.safetensors (BF16) for it into `folder`, making that if
/// need be. Throws InputError for a config that does not parse or a folder that cannot be written.
void write_hashed_checkpoint(const std::string& config_json, const std::filesystem::path& folder);

/// Element `index` of tensor `name` before rounding to bf16, in [-1,1) times `scale` plus `offset`.
float hashed_weight(const std::string& name, std::uint64_t index, double scale, double offset);

}  // namespace assay::reference
