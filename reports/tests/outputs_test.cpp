#include "reports/outputs.h"

#include <gtest/gtest.h>

#include "kernels/device/error.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::TemporaryFolder;
using testing::write_text;

TEST(Outputs, AreNeitherInputsNorEachOther) {
  const TemporaryFolder folder;
  write_text(folder / "a.csv", "");
  write_text(folder / "a.samples.jsonl", "");
  const auto refused = [&](const FilesInUse& files) {
    return message_of<InputError>([&] { check_outputs(files); });
  };
  EXPECT_TRUE(contains(refused({{folder / "a.csv"}, {folder / "a.csv"}, {}}),
                       "is an input and cannot be the output; name another file"));
  EXPECT_TRUE(contains(refused({{folder / "a.csv"}, {"", folder / "a.samples.jsonl"}, {}}),
                       "holds the raw samples of"));
  std::filesystem::create_hard_link(folder / "a.csv", folder / "hard.csv");
  EXPECT_TRUE(contains(refused({{folder / "a.csv"}, {folder / "hard.csv"}, {}}), "is an input"));
  EXPECT_TRUE(contains(refused({{}, {folder / "o", folder / "o"}, {}}), "two outputs"));
  EXPECT_TRUE(contains(refused({{}, {"./not_there", "not_there"}, {}}), "two outputs"));
  EXPECT_TRUE(contains(refused({{}, {folder / "new/o"}, folder / "new"}), "folder of baselines"));
  // Through a link, too.
  std::filesystem::create_directory(folder / "made");
  std::filesystem::create_symlink(folder / "made", folder / "link");
  EXPECT_TRUE(contains(refused({{}, {folder / "link/o"}, folder / "made"}), "folder of baselines"));
  check_outputs(
      {{folder / "a.csv", ""}, {folder / "o.csv", "", folder / "o.json"}, folder / "new"});
}

}  // namespace
}  // namespace assay::reports
