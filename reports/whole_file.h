// A file that is there as a whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

namespace assay::reports {

/// Writes `text` under a temporary name in the same folder and renames it to `path`, replacing what
/// was there. Throws InputError with the path and the system's reason; `path` is then as it was.
void write_whole_file(const std::filesystem::path& path, std::string_view text);

}  // namespace assay::reports
