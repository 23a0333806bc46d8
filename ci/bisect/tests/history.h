// Repositories for tests: a line of commits, each with the files that it is given.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "ci/bisect/process.h"

namespace assay::bisect {

using Files = std::map<std::string, std::string>;

inline std::string output_of(const std::vector<std::string>& argv) {
  const ProcessResult result = run_process({.argv = argv});
  if (!result.ok()) throw std::runtime_error(command_line(argv) + ": " + result.err);
  return result.out;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

/// Makes a repository with these commits on branch main, the first without a parent; their hashes.
inline std::vector<std::string> make_history(const std::filesystem::path& folder,
                                             const std::vector<Files>& commits,
                                             const std::string& object_format = "sha1") {
  std::filesystem::create_directories(folder);
  std::string stream;
  const auto data = [&](const std::string& text) {
    stream += fmt::format("data {}\n{}\n", text.size(), text);
  };
  for (std::size_t i = 0; i < commits.size(); ++i) {
    stream += fmt::format("commit refs/heads/main\nmark :{}\n", i + 1);
    stream += fmt::format("committer Ann Author <ann@localhost> {} +0000\n", 1700000000 + i * 60);
    data(fmt::format("change {}", i));
    if (i > 0) stream += fmt::format("from :{}\n", i);
    stream += "deleteall\n";
    for (const auto& [path, text] : commits[i]) {
      stream += fmt::format("M 100644 inline {}\n", path);
      data(text);
    }
  }
  std::ofstream(folder / "stream", std::ios::binary) << stream;
  const std::string git = "git -C '" + folder.string() + "' ";
  output_of({"sh", "-c",
             git + "init -q -b main --object-format=" + object_format + " && " + git +
                 "fast-import --quiet < '" + (folder / "stream").string() + "' && rm '" +
                 (folder / "stream").string() + "' && " + git + "checkout -q -f main"});
  return lines_of(output_of({"git", "-C", folder.string(), "rev-list", "--reverse", "main"}));
}

}  // namespace assay::bisect
