#include "reports/writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/device/error.h"
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

TEST(Writer, QuotesAsRfc4180Says) {
  Row row;
  row.set("schema_version", 1).set("run_id", "a,b").set("row_id", "say \"x\"");
  row.set("utc", "two\nlines").set("case_id", " space").set("repro_cmd", "plain text");
  EXPECT_TRUE(contains(format_row(row),
                       "1,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",,\" space\",plain text,"));
}

TEST(Writer, EveryRowIsOnDiskWhenWriteReturns) {
  const TemporaryFolder folder;
  CsvWriter writer(folder / "r.csv");
  EXPECT_EQ(read_text(folder / "r.csv"), header_line() + "\n");
  const Row a = writer.write(sample_row("a"));
  EXPECT_EQ(read_text(folder / "r.csv"), report_text({a}));
  const Row b = writer.write(sample_row("b"));
  EXPECT_EQ(read_text(folder / "r.csv"), report_text({a, b}));
  EXPECT_TRUE(writer.has(a.text("row_id")));
  EXPECT_FALSE(writer.has("0123"));
}

TEST(Writer, FillsInWhatItKnows) {
  const TemporaryFolder folder;
  CsvWriter writer(folder / "r.csv");
  const Row row = writer.write(sample_row().clear("schema_version").clear("row_id").clear("utc"));
  EXPECT_EQ(row.integer("schema_version"), SCHEMA_VERSION);
  EXPECT_EQ(row.text("row_id"), make_row_id(sample_row()));
  EXPECT_EQ(row.text("utc").size(), 20u);
  EXPECT_EQ(read_report(folder / "r.csv").rows, std::vector<Row>{row});
}

TEST(Writer, RefusesRowsThatNobodyCouldRead) {
  const TemporaryFolder folder;
  CsvWriter writer(folder / "r.csv");
  const auto refused = [&](const Row& row) {
    return message_of<Error>([&] { writer.write(row); });
  };
  EXPECT_TRUE(contains(refused(sample_row("x").clear("device")), "case 'x'"));
  EXPECT_TRUE(contains(refused(sample_row("x").clear("device")), "device is empty"));
  EXPECT_TRUE(contains(refused(sample_row().set("err_ratio", std::nan(""))), "never passes"));
  const Row good = writer.write(sample_row());
  EXPECT_TRUE(contains(refused(sample_row()), "is in the file already"));
  EXPECT_EQ(read_text(folder / "r.csv"), report_text({good}));
}

TEST(Writer, RefusesToOverwriteUnlessTold) {
  const TemporaryFolder folder;
  write_text(folder / "r.csv", "precious");
  EXPECT_TRUE(contains(message_of<InputError>([&] { CsvWriter writer(folder / "r.csv"); }),
                       "r.csv: exists already (8 bytes)"));
  EXPECT_EQ(read_text(folder / "r.csv"), "precious");
  { CsvWriter writer(folder / "r.csv", OnExisting::kOverwrite); }
  EXPECT_EQ(read_text(folder / "r.csv"), header_line() + "\n");
  write_text(folder / "empty.csv", "");
  { CsvWriter writer(folder / "empty.csv"); }
  EXPECT_EQ(read_text(folder / "empty.csv"), header_line() + "\n");
}

TEST(Writer, UnwritablePlaces) {
  EXPECT_TRUE(contains(message_of<InputError>([] { CsvWriter writer("/nowhere/at/all/r.csv"); }),
                       "/nowhere/at/all/r.csv: cannot be opened for writing: No such file"));
  EXPECT_TRUE(contains(message_of<InputError>([] { CsvWriter writer("/dev/full"); }),
                       "/dev/full: writing failed after 0 bytes: No space left on device"));
  EXPECT_TRUE(contains(message_of<InputError>([] {
                         SampleWriter writer("/dev/full");
                         writer.write("run", "row", std::vector<double>{1});
                       }),
                       "/dev/full: writing failed after 0 bytes: No space left on device"));
}

// A limit on the file's size stands for a disk that fills up in the middle of a row.
TEST(Writer, DiskThatFillsUpLeavesWholeRows) {
  const TemporaryFolder folder;
  CsvWriter writer(folder / "r.csv");
  const Row first = writer.write(sample_row("first"));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = read_text(folder / "r.csv").size() + 20;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string message = message_of<InputError>([&] { writer.write(sample_row("second")); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(contains(message, "r.csv: writing failed after"));
  EXPECT_TRUE(contains(message, "File too large"));
  EXPECT_EQ(read_text(folder / "r.csv"), report_text({first}));
  // Once there is room again, the same row can be written.
  const Row second = writer.write(sample_row("second"));
  EXPECT_EQ(read_text(folder / "r.csv"), report_text({first, second}));
}

TEST(Resume, GoesOnAfterACutLineWhereverItWasCut) {
  const TemporaryFolder folder;
  const Row a = sample_row("a");
  const Row b = sample_row("b").set("repro_cmd", "two \"quoted\"\nlines");
  const Row c = sample_row("c");
  const std::string whole = report_text({a, b});
  // Every 13th byte, and each around the ends of lines and around the quotes.
  std::set<std::size_t> sizes;
  for (std::size_t size = 0; size <= whole.size(); size += 13) sizes.insert(size);
  for (std::size_t i = 0; i <= whole.size(); ++i)
    if (i == whole.size() || whole[i] == '\n' || whole[i] == '"')
      for (const std::size_t size : {i - 1, i, i + 1})
        if (size <= whole.size()) sizes.insert(size);
  for (const std::size_t size : sizes) {
    SCOPED_TRACE(size);
    write_text(folder / "r.csv", whole.substr(0, size));
    {
      const std::size_t rows = size == whole.size() ? 2 : size >= report_text({a}).size() ? 1 : 0;
      ASSERT_EQ(resumable_rows(folder / "r.csv").size(), rows);
      ASSERT_EQ(read_text(folder / "r.csv"), whole.substr(0, size)) << "left as it was";
      CsvWriter writer(folder / "r.csv", OnExisting::kResume);
      EXPECT_EQ(writer.has(a.text("row_id")), rows > 0);
      EXPECT_EQ(writer.has(b.text("row_id")), rows > 1);
      for (const Row& row : {a, b, c})
        if (!writer.has(row.text("row_id"))) writer.write(row);
    }
    ASSERT_EQ(read_text(folder / "r.csv"), report_text({a, b, c}));
  }
}

TEST(Resume, StartsAFileThatIsNotThere) {
  const TemporaryFolder folder;
  EXPECT_TRUE(resumable_rows(folder / "r.csv").empty());
  CsvWriter writer(folder / "r.csv", OnExisting::kResume);
  EXPECT_EQ(read_text(folder / "r.csv"), header_line() + "\n");
}

TEST(Resume, RefusesWhatItWouldDamage) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text) {
    write_text(folder / "r.csv", text);
    const std::string message =
        message_of<InputError>([&] { CsvWriter writer(folder / "r.csv", OnExisting::kResume); });
    EXPECT_EQ(message_of<InputError>([&] { resumable_rows(folder / "r.csv"); }), message);
    EXPECT_EQ(read_text(folder / "r.csv"), text);
    return message;
  };
  const std::string good = report_text({sample_row("a")});
  EXPECT_TRUE(contains(refused("my notes\n"), "unknown column 'my notes'"));
  EXPECT_TRUE(contains(refused(good + "x,y\n"), "r.csv:3:4: error: 2 cells in a row"));
  std::string swapped = good;
  swapped.replace(swapped.find("mem_mhz"), 7, "sm_mhz");
  EXPECT_TRUE(contains(refused(swapped), "'sm_mhz' is there twice"));
  std::string moved = good;
  moved.replace(moved.find("sm_mhz,mem_mhz"), 14, "mem_mhz,sm_mhz");
  EXPECT_TRUE(contains(refused(moved), "not in the order of this schema"));
}

TEST(Writer, OneAtATime) {
  const TemporaryFolder folder;
  for (const OnExisting how : {OnExisting::kOverwrite, OnExisting::kResume}) {
    CsvWriter first(folder / "r.csv", OnExisting::kOverwrite);
    first.write(sample_row("a"));
    EXPECT_TRUE(contains(message_of<InputError>([&] { CsvWriter second(folder / "r.csv", how); }),
                         "r.csv: another program is writing to it; wait"));
    first.write(sample_row("b"));
    EXPECT_EQ(read_text(folder / "r.csv"), report_text({sample_row("a"), sample_row("b")}));
  }
}

TEST(Samples, OneJsonObjectALine) {
  const TemporaryFolder folder;
  EXPECT_EQ(samples_path("out/bench.csv"), "out/bench.samples.jsonl");
  EXPECT_EQ(samples_path("out/run.1"), "out/run.1.samples.jsonl") << "not that of run.2";
  {
    SampleWriter writer(folder / "s.jsonl");
    writer.write("run", "row \"1\"", std::vector<double>{0.1, 2, 1e-9});
    writer.write("run", "row 2", std::vector<double>{});
    EXPECT_TRUE(contains(message_of<Error>([&] {
                           writer.write("run", "row 3", std::vector<double>{1, std::nan("")});
                         }),
                         "sample 1 of row row 3 is nan"));
  }
  const std::string text = read_text(folder / "s.jsonl");
  const auto first = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(first["run_id"], "run");
  EXPECT_EQ(first["row_id"], "row \"1\"");
  EXPECT_EQ(first["samples_us"].get<std::vector<double>>(), (std::vector<double>{0.1, 2, 1e-9}));
  EXPECT_EQ(text.substr(text.find('\n') + 1),
            "{\"run_id\":\"run\",\"row_id\":\"row 2\",\"samples_us\":[]}\n");
}

TEST(Samples, ResumeDropsACutLine) {
  const TemporaryFolder folder;
  const std::string whole = "{\"row_id\":\"a\"}\n";
  for (const std::string rest : {"", "{", "{\"row_id\":\"b\"}"}) {
    write_text(folder / "s.jsonl", whole + rest);
    SampleWriter(folder / "s.jsonl", OnExisting::kResume).write("r", "c", std::vector<double>{1});
    EXPECT_EQ(read_text(folder / "s.jsonl"),
              whole + "{\"run_id\":\"r\",\"row_id\":\"c\",\"samples_us\":[1.0]}\n");
  }
  write_text(folder / "s.jsonl", "{\"no line end");
  { SampleWriter writer(folder / "s.jsonl", OnExisting::kResume); }
  EXPECT_EQ(read_text(folder / "s.jsonl"), "");
  write_text(folder / "s.jsonl", whole);
  EXPECT_THROW(SampleWriter(folder / "s.jsonl"), InputError);
}

}  // namespace
}  // namespace assay::reports
