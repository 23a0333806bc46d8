// A repository of commits whose program is a few lines of shell, and `bisect commits` on it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ci/bisect/tests/history.h"
#include "engine/tests/temporary_folder.h"
#include "reports/append_file.h"

namespace assay::bisect {

inline constexpr int COMMITS = 64;

// What `program` of each commit does; "" is a commit that does not build.
inline std::vector<Files> commits_of(const std::function<std::string(int)>& program) {
  std::vector<Files> commits;
  for (int i = 0; i <= COMMITS; ++i) {
    commits.push_back({{"program", program(i)}, {"README.md", fmt::format("{}\n", i)}});
  }
  return commits;
}

inline std::string row(const std::string& header, const std::string& cells) {
  return fmt::format("printf '{}\\n{}\\n' > \"$ASSAY_CSV\"\n", header, cells);
}

inline std::string status_row(bool fails) {
  return row("case_id,status,version", fails ? "x,FAIL,v1" : "x,PASS,v1");
}

// A row and its 10 samples, which take so long. `cells` come after run_id, row_id and status.
inline std::string timed_row(const std::string& name, double us, const std::string& cells) {
  std::string samples;
  for (int i = 0; i < 10; ++i)
    samples += fmt::format("{}{}", i == 0 ? "" : ",", us * (1 + 0.001 * ((i * 7) % 5)));
  return fmt::format(
      "printf 'run,{0},PASS,{2}\\n' >> \"$ASSAY_CSV\"\n"
      "printf '{{\"run_id\":\"run\",\"row_id\":\"{0}\",\"samples_us\":[{1}]}}\\n' >> "
      "\"${{ASSAY_CSV%.csv}}.samples.jsonl\"\n",
      name, samples, cells);
}

class Repo {
 public:
  explicit Repo(const std::function<std::string(int)>& program)
      : shas_(make_history(path(), commits_of(program))) {}

  std::filesystem::path path() const { return folder_.path() / "repository"; }
  std::filesystem::path work() const { return folder_.path() / "work"; }
  const std::string& sha(int i) const { return shas_.at(static_cast<std::size_t>(i)); }

  std::vector<std::string> argv(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {ASSAY_BISECT,
                                    "commits",
                                    "--repository",
                                    path(),
                                    "--good",
                                    sha(0),
                                    "--bad",
                                    "main",
                                    "--case",
                                    "x",
                                    "--work-dir",
                                    work(),
                                    "--json",
                                    (folder_.path() / "result.json").string(),
                                    "--build-command",
                                    "test -s program && mkdir -p \"$ASSAY_BUILD_DIR/bin\" && "
                                    "cp program \"$ASSAY_BUILD_DIR/bin/\" && echo built >> '" +
                                        count_file() + "'",
                                    "--run-command",
                                    "sh \"$ASSAY_BIN/program\""};
    for (const std::string& word : more) {  // what is given here takes the place of what is above
      const auto above = std::ranges::find(all, word);
      if (word.starts_with("--") && above != all.end()) all.erase(above, above + 2);
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  ProcessResult bisect(const std::vector<std::string>& more) const {
    std::filesystem::remove(folder_.path() / "result.json");
    return run_process({.argv = argv(more)});
  }
  nlohmann::json result() const {
    return nlohmann::json::parse(reports::read_file(folder_.path() / "result.json"));
  }
  std::string count_file() const { return (folder_.path() / "builds").string(); }
  std::size_t builds() const {
    return std::filesystem::exists(count_file()) ? lines_of(reports::read_file(count_file())).size()
                                                 : 0;
  }

  // All of the user's repository: files, index, refs, configuration, worktrees, stash.
  std::string state() const {
    return output_of({"sh", "-c",
                      "cd '" + path().string() +
                          "' && find . -type f -print0 | sort -z "
                          "| xargs -0 sha256sum && find . | sort && "
                          "git for-each-ref && git worktree list && git stash list"});
  }

 private:
  assay::testing::TemporaryFolder folder_;
  std::vector<std::string> shas_;
};

// Whether a work folder holds nothing but what is meant to stay.
inline ::testing::AssertionResult is_tidy(const std::filesystem::path& work) {
  for (const auto& entry : std::filesystem::directory_iterator(work)) {
    const std::string name = entry.path().filename();
    if (name != "lock" && name != "builds" && name != "slots" && name != "steps")
      return ::testing::AssertionFailure() << entry.path() << " is left";
  }
  for (const auto& entry : std::filesystem::directory_iterator(work / "builds"))
    if (entry.path().extension() == ".partial")
      return ::testing::AssertionFailure() << entry.path() << " is left";
  return ::testing::AssertionSuccess();
}

}  // namespace assay::bisect
