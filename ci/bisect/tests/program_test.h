// The fixture of tests that run programs in a folder of their own and read what they leave there.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ci/bisect/process.h"
#include "ci/bisect/scratch_folder.h"

namespace assay::bisect {

class ProgramTest : public testing::Test {
 protected:
  ProcessResult run_in_folder(std::vector<std::string> argv) const {
    Process process{std::move(argv)};
    process.cwd = folder();
    return run_process(process);
  }
  /// Of a run with `--json result.json`.
  nlohmann::json result() const {
    std::ifstream in(folder() / "result.json");
    return nlohmann::json::parse(in);
  }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  ScratchFolder folder_{"bisect-program-test"};
};

}  // namespace assay::bisect
