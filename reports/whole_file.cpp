#include "reports/whole_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "kernels/device/error.h"
#include "reports/append_file.h"

namespace assay::reports {

void write_whole_file(const std::filesystem::path& path, std::string_view text) {
  // The process id keeps two programs that write the same file apart.
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}.partial", ::getpid());
  try {
    AppendFile file(temporary, OnExisting::kOverwrite);
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    file.append_line(text);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (!error) return;
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  throw InputError(fmt::format("{}: cannot be written: {}", path.string(), error.message()));
}

}  // namespace assay::reports
