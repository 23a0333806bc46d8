#include "engine/files.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(OutputFile, AppearsOnlyWhenComplete) {
  const testing::TemporaryFolder folder;
  testing::write_file(folder / "out", "old");
  {
    OutputFile out(folder / "out");
    out.write("new ");
    out.write("text");
    EXPECT_EQ(read_text_file(folder / "out"), "old");
    out.commit();
  }
  EXPECT_EQ(read_text_file(folder / "out"), "new text");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(OutputFile, LeavesNothingBehindWithoutCommit) {
  const testing::TemporaryFolder folder;
  {
    OutputFile out(folder / "out");
    out.write("half");
    EXPECT_EQ(files_in(folder.path()), 1U);
  }
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(OutputFile, UnwritableIsAnInputError) {
  const testing::TemporaryFolder folder;
  EXPECT_INPUT_ERROR(OutputFile(folder / "none/out"), "none/out", "cannot be written");
  EXPECT_INPUT_ERROR(OutputFile(folder.path()), folder.path().string(), "found a folder");
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(ReadFile, MissingIsNamed) {
  const testing::TemporaryFolder folder;
  EXPECT_INPUT_ERROR(read_text_file(folder / "none"), "none", "cannot be read");
  EXPECT_INPUT_ERROR(read_text_file(folder.path()), "found a folder");
  testing::write_file(folder / "list", "[]");
  EXPECT_INPUT_ERROR(read_json_object(folder / "list"), "list", "found a JSON array");
}

}  // namespace
}  // namespace assay
