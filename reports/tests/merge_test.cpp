#include "reports/merge.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "kernels/device/error.h"
#include "reports/pending_file.h"
#include "reports/reader.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;
using testing::read_text;
using testing::report_text;
using testing::sample_row;
using testing::TemporaryFolder;
using testing::write_text;

std::string samples_line(const Row& row, const std::string& samples) {
  return "{\"run_id\":\"" + row.text("run_id") + "\",\"row_id\":\"" + row.text("row_id") +
         "\",\"samples_us\":[" + samples + "]}\n";
}

class Merge : public ::testing::Test {
 protected:
  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  std::string file(std::string_view name, const std::vector<Row>& rows) {
    write_text(folder_ / name, report_text(rows));
    return path(name);
  }
  int merge(const std::vector<std::string>& inputs, const MergeOptions& options = {}) {
    out_.str("");
    err_.str("");
    return merge_reports(inputs, path("out.csv"), options, out_, err_);
  }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_ / ""))
      ++count;
    return count;
  }

  TemporaryFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(Merge, RowsAndSamplesOfTwoShards) {
  Row a = sample_row("a");
  Row b = sample_row("b");
  a.set("samples", 2);
  b.set("samples", 3);
  const Row c = sample_row("c");
  const auto first = file("1.csv", {a});
  const auto second = file("2.csv", {b, c});
  // The last whole line of a row counts; a cut one is none.
  write_text(folder_ / "1.samples.jsonl",
             samples_line(a, "9") + samples_line(a, "1.5,2") + "{\"run");
  write_text(folder_ / "2.samples.jsonl",
             samples_line(sample_row("lost"), "4") + samples_line(b, "3,4,5"));
  EXPECT_EQ(merge({first, second}), 0) << err_.str();
  EXPECT_EQ(read_text(folder_ / "out.csv"), report_text({a, b, c}));
  EXPECT_EQ(read_text(folder_ / "out.samples.jsonl"),
            samples_line(a, "1.5,2") + samples_line(b, "3,4,5"));
  EXPECT_EQ(err_.str(), "");
  EXPECT_TRUE(contains(out_.str(), "out.csv: 3 rows of 2 files"));
  EXPECT_EQ(files(), 6u);
}

TEST_F(Merge, TellsOfMissingSamples) {
  Row a = sample_row("a");
  a.set("samples", 2);
  EXPECT_EQ(merge({file("1.csv", {a})}), 0);
  EXPECT_TRUE(contains(err_.str(), "note: 1 timed rows have no raw samples"));
}

TEST_F(Merge, ARowTwice) {
  const auto first = file("1.csv", {sample_row("a"), sample_row("b")});
  EXPECT_EQ(merge({first, file("2.csv", {sample_row("c"), sample_row("b")})}), 0);
  EXPECT_EQ(read_report(path("out.csv")).rows.size(), 3u);
  EXPECT_TRUE(contains(err_.str(), "2.csv:3:1: warning: row_id"));
  EXPECT_TRUE(contains(err_.str(), "1.csv:3 too, with the same cells; kept once"));
}

TEST_F(Merge, ARowTwiceAndDifferent) {
  Row changed = sample_row("b");
  changed.set("err_ratio", 0.5);
  const auto first = file("1.csv", {sample_row("a"), sample_row("b")});
  EXPECT_EQ(merge({first, file("2.csv", {changed})}), 2);
  EXPECT_TRUE(contains(err_.str(), "2.csv:2:1: error: row_id"));
  EXPECT_TRUE(contains(err_.str(), "with another err_ratio"));
  EXPECT_EQ(files(), 2u);
  // The same work in another run is no duplicate.
  changed.set("run_id", "another");
  EXPECT_EQ(merge({first, file("2.csv", {changed})}), 0) << err_.str();
}

TEST_F(Merge, MachinesMixOnlyWhenAsked) {
  Row gpu = sample_row("g");
  gpu.set("device", "cuda").set("gpu_name", "NVIDIA H200");
  gpu.set("row_id", make_row_id(gpu));
  const std::vector<std::string> inputs = {file("1.csv", {sample_row("a")}), file("2.csv", {gpu})};
  const std::string message = message_of<InputError>([&] { merge(inputs); });
  EXPECT_TRUE(contains(message, "cuda, NVIDIA H200 (first in " + inputs[1] + ")"));
  EXPECT_TRUE(contains(message, "--mixed-machines"));
  EXPECT_EQ(files(), 2u);
  EXPECT_EQ(merge(inputs, {.mixed_machines = true}), 0);
  EXPECT_EQ(read_report(path("out.csv")).rows.size(), 2u);
}

TEST_F(Merge, BadInputs) {
  const auto good = file("1.csv", {sample_row("a")});
  write_text(folder_ / "cut.csv", report_text({sample_row("b")}) + "2,run");
  EXPECT_EQ(merge({good, path("cut.csv")}), 2);
  EXPECT_TRUE(contains(err_.str(), "cut.csv:3:1: error: the file ends in the middle of this row"));
  EXPECT_TRUE(contains(err_.str(), "nothing was written"));
  EXPECT_EQ(files(), 2u);
  EXPECT_EQ(merge({good, path("cut.csv")}, {.drop_bad = true}), 2);
  EXPECT_EQ(read_report(path("out.csv")).rows.size(), 2u);

  write_text(folder_ / "empty.csv", "");
  EXPECT_TRUE(contains(message_of<InputError>([&] {
                         merge({good, path("empty.csv")}, {.overwrite = true});
                       }),
                       "empty.csv: is empty"));
  EXPECT_THROW(merge({good, path("none.csv")}, {.overwrite = true}), InputError);
  write_text(folder_ / "header.csv", report_text({}));
  EXPECT_EQ(merge({path("header.csv")}, {.overwrite = true}), 2);
  EXPECT_TRUE(contains(err_.str(), "the inputs have no rows"));
}

TEST_F(Merge, BadSamples) {
  const auto good = file("1.csv", {sample_row("a")});
  const std::string key = "{\"run_id\":\"r\",\"row_id\":\"x\"";
  for (const std::string& line :
       {std::string("nonsense\n"), std::string("[1]\n"),
        std::string("{\"run_id\":1,\"row_id\":\"x\",\"samples_us\":[]}\n"), key + "}\n",
        key + ",\"samples_us\":[1,\"2\"]}\n", key + ",\"samples_us\":[-1]}\n",
        key + ",\"samples_us\":[0.5,0]}\n", key + ",\"samples_us\":[nan]}\n"}) {
    write_text(folder_ / "1.samples.jsonl", samples_line(sample_row("a"), "1") + line);
    EXPECT_EQ(merge({good}), 2) << line;
    EXPECT_TRUE(contains(err_.str(), "1.samples.jsonl:2:")) << err_.str();
    EXPECT_TRUE(contains(err_.str(), "nothing was written"));
    EXPECT_EQ(files(), 2u);
  }
  EXPECT_EQ(merge({good}, {.drop_bad = true}), 2);
  EXPECT_EQ(read_text(folder_ / "out.samples.jsonl"), samples_line(sample_row("a"), "1"));
}

TEST_F(Merge, SamplesThatDoNotFitTheirRow) {
  Row a = sample_row("a");
  Row b = sample_row("b");
  a.set("samples", 2);
  b.set("samples", 2);
  const auto both = file("1.csv", {a, b});
  write_text(folder_ / "1.samples.jsonl", samples_line(a, "1.5") + samples_line(b, "1.5,2"));
  EXPECT_EQ(merge({both}), 2);
  EXPECT_TRUE(contains(err_.str(), "1.csv:2:1: error: samples: 2, but"));
  EXPECT_EQ(files(), 2u);
  EXPECT_EQ(merge({both}, {.drop_bad = true}), 2);
  EXPECT_EQ(read_text(folder_ / "out.csv"), report_text({b}));
  EXPECT_EQ(read_text(folder_ / "out.samples.jsonl"), samples_line(b, "1.5,2"));
}

TEST_F(Merge, NamesThatMeet) {
  const auto first = file("1.csv", {sample_row("a")});
  const auto out = file("out.csv", {sample_row("b")});
  EXPECT_TRUE(contains(message_of<InputError>([&] {
                         merge({first, out}, {.overwrite = true});
                       }),
                       "is an input and cannot be the output"));
  std::filesystem::create_symlink("out.csv", folder_ / "link.csv");
  EXPECT_THROW(merge({first, path("link.csv")}, {.overwrite = true}), InputError);
  EXPECT_TRUE(contains(message_of<InputError>([&] {
                         merge({first, path("./1.csv")});
                       }),
                       "is given twice"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { merge({first}); }), "out.csv: exists already"));
  EXPECT_EQ(read_text(out), report_text({sample_row("b")}));
  EXPECT_EQ(merge({first}, {.overwrite = true}), 0);
  EXPECT_EQ(read_text(out), report_text({sample_row("a")}));
}

TEST(PendingFile, IsThereWholeOrNotAtAll) {
  const TemporaryFolder folder;
  write_text(folder / "x", "old");
  {
    const PendingFile file(folder / "x", "new");
    EXPECT_EQ(read_text(folder / "x"), "old");
  }
  EXPECT_EQ(read_text(folder / "x"), "old");
  PendingFile(folder / "x", "new").commit();
  EXPECT_EQ(read_text(folder / "x"), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 1);
  EXPECT_TRUE(contains(message_of<InputError>([&] { PendingFile(folder / "no" / "x", "new"); }),
                       "No such file or directory"));
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { PendingFile(folder / "", "new"); }), "is a folder"));
}

TEST(PendingFile, KeepsLinksAndModesAndWhatIsNoFile) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  fs::create_directory(folder / "sub");
  write_text(folder / "sub/x", "old");
  fs::permissions(folder / "sub/x", fs::perms(0600));
  fs::create_symlink("sub/x", folder / "link");
  fs::create_symlink("link", folder / "link to link");
  write_whole_file(folder / "link to link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link to link"));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "sub/x"), "new");
  EXPECT_EQ(fs::status(folder / "sub/x").permissions(), fs::perms(0600));
  // To a file that is not there yet.
  fs::create_symlink("sub/y", folder / "early");
  write_whole_file(folder / "early", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "early"));
  EXPECT_EQ(read_text(folder / "sub/y"), "new");

  fs::create_symlink("round", folder / "round");
  EXPECT_TRUE(contains(message_of<InputError>([&] { write_whole_file(folder / "round", "new"); }),
                       "a link that leads nowhere; name a file"));
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  fs::create_symlink("fifo", folder / "to fifo");
  for (const char* name : {"fifo", "to fifo"})
    EXPECT_TRUE(contains(message_of<InputError>([&] { write_whole_file(folder / name, "new"); }),
                         "is a pipe, which cannot be replaced by a file; name a file"));
  EXPECT_TRUE(fs::is_fifo(folder / "fifo"));
}

}  // namespace
}  // namespace assay::reports
