// Which files a command may write.
#pragma once

#include <filesystem>
#include <vector>

namespace assay::reports {

/// What a command reads and is told to write. Empty names stand for none.
struct FilesInUse {
  std::vector<std::filesystem::path> inputs;  ///< The raw samples beside each are inputs too.
  std::vector<std::filesystem::path> outputs;
  std::filesystem::path baselines;  ///< A folder in which every report counts as one.
};

/// Whether both names are of one file, or would be once it is there.
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b);

/// Call before anything is written. InputError where an output is an input, the samples of one, or
/// another output, or would lie in the folder of baselines.
void check_outputs(const FilesInUse& files);

}  // namespace assay::reports
