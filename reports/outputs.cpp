#include "reports/outputs.h"

#include <fmt/format.h>

#include <system_error>

#include "kernels/device/error.h"
#include "reports/writer.h"

namespace assay::reports {

namespace fs = std::filesystem;

bool is_same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  // weakly_canonical leaves a relative name relative where nothing of it is there yet.
  return fs::weakly_canonical(fs::absolute(a), ignored) ==
             fs::weakly_canonical(fs::absolute(b), ignored) ||
         fs::equivalent(a, b, ignored);
}

void check_outputs(const FilesInUse& files) {
  for (std::size_t i = 0; i < files.outputs.size(); ++i) {
    const fs::path& output = files.outputs[i];
    if (output.empty()) continue;
    for (const fs::path& input : files.inputs) {
      if (input.empty()) continue;
      if (is_same_file(output, input))
        throw InputError(fmt::format("{}: is an input and cannot be the output; name another file",
                                     output.string()));
      if (is_same_file(output, samples_path(input)))
        throw InputError(
            fmt::format("{}: holds the raw samples of {}, an input, and cannot be the output; name "
                        "another file",
                        output.string(), input.string()));
    }
    for (std::size_t j = 0; j < i; ++j)
      if (!files.outputs[j].empty() && is_same_file(output, files.outputs[j]))
        throw InputError(fmt::format("{}: is the name of two outputs; name another file for one",
                                     output.string()));
    if (files.baselines.empty()) continue;
    const fs::path folder = fs::absolute(output).parent_path();
    std::error_code ignored;
    if (is_same_file(folder, files.baselines) ||
        is_same_file(fs::weakly_canonical(output, ignored).parent_path(), files.baselines))
      throw InputError(
          fmt::format("{}: lies in the folder of baselines, which holds reports only; name a file "
                      "elsewhere",
                      output.string()));
  }
}

}  // namespace assay::reports
