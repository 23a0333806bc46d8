// compare, self-test and work as programs: arguments, streams, files and exit codes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports/reader.h"
#include "reports/tests/compare_report.h"
#include "reports/tests/report_program.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::read_text;
using testing::sample_row;
using testing::timed;
using testing::write_report;
using testing::write_text;

using CompareProgram = testing::ReportProgram;

TEST_F(CompareProgram, ExitCodes) {
  const std::string base = report("base.csv", 100, 100);
  EXPECT_EQ(run("compare " + base + " " + report("same.csv", 100, 100)), 0) << output_;
  EXPECT_TRUE(contains(output_, "2 rows: 2 SAME"));
  EXPECT_EQ(run("compare " + base + " " + report("faster.csv", 80, 100)), 0) << output_;
  EXPECT_TRUE(contains(output_, "2 rows: 1 FASTER, 1 SAME"));
  const std::string slower = report("slower.csv", 100, 104);
  EXPECT_EQ(run("compare " + base + " " + slower), 1) << output_;
  EXPECT_TRUE(contains(output_, "2 rows: 1 SLOWER, 1 SAME"));
  EXPECT_EQ(run("compare --least 10% " + base + " " + slower), 0) << output_;
  EXPECT_EQ(run("compare --filter '^a ' " + base + " " + slower), 0) << output_;
  EXPECT_TRUE(contains(output_, "1 row: 1 SAME"));
  const std::string elsewhere = report("elsewhere.csv", 100, 200, "driver", "560");
  EXPECT_EQ(run("compare " + base + " " + elsewhere), 2) << output_;
  EXPECT_TRUE(contains(output_, "2 INCOMPARABLE"));
  EXPECT_EQ(run("compare --across driver " + base + " " + elsewhere), 1) << output_;
}

TEST_F(CompareProgram, OneKernelSetAgainstAnother) {
  const std::string best = report("best.csv", 100, 100, "kernel_set", "best");
  const std::string pinned = report("pinned.csv", 150, 100, "kernel_set", "best,rope=v1_pairs");
  EXPECT_EQ(run("compare " + best + " " + pinned), 2) << output_;
  EXPECT_TRUE(contains(output_, "best.csv and " + pinned + " have no row in common, of 2 and 2"));
  EXPECT_TRUE(contains(output_, "but for kernel_set 'best' and 'best,rope=v1_pairs'; compare"));
  EXPECT_EQ(run("compare --pair kernel_set=best:best,rope=v1_pairs " + best + " " + pinned), 1);
  EXPECT_TRUE(contains(output_, "kernel_set: best -> best,rope=v1_pairs")) << output_;
  EXPECT_TRUE(contains(output_, "2 rows: 1 SLOWER, 1 SAME")) << output_;
  EXPECT_EQ(run("compare --pair kernel_set=best:none " + best + " " + pinned), 2);
  EXPECT_TRUE(contains(output_, "no row whose kernel_set is 'none'")) << output_;
  EXPECT_EQ(run("compare --pair kernel_set " + best + " " + pinned), 2);
}

// A pair that can match nothing: names of cases have the dtype in them.
TEST_F(CompareProgram, NothingInCommonIsNoAgreement) {
  const auto of = [&](std::string_view dtype) {
    Row row = sample_row(std::string("rope/") + std::string(dtype));
    row.set("dtype", dtype);
    return write_report(folder_ / (std::string(dtype) + ".csv"), {timed(row, {1, 2, 3})}).string();
  };
  const std::string files = of("fp16") + " " + of("bf16");
  EXPECT_EQ(run("compare --pair dtype=fp16:bf16 " + files), 2) << output_;
  EXPECT_TRUE(contains(output_, "but for case_id 'rope/fp16' and 'rope/bf16'; compare reports of"));
  EXPECT_EQ(run("compare --filter bf16 " + files), 2) << output_;
  EXPECT_TRUE(contains(output_, "filter 'bf16' matches no row of " + path("fp16.csv")));
  EXPECT_EQ(run("gate --baseline " + path("baselines") + " --update-baseline " + path("fp16.csv")),
            0);
  EXPECT_EQ(run("gate --baseline " + path("baselines") + " " + path("bf16.csv")), 2) << output_;
}

TEST_F(CompareProgram, WritesFilesForPrograms) {
  const std::string base = report("base.csv", 100, 100);
  const std::string slower = report("slower.csv", 100, 110);
  EXPECT_EQ(run("compare --only-changes --csv " + path("c.csv") + " --json " + path("c.json") +
                " " + base + " " + slower),
            1);
  EXPECT_FALSE(contains(output_, "\nSAME"));
  EXPECT_TRUE(contains(read_text(folder_ / "c.csv"), "SLOWER"));
  const auto json = nlohmann::json::parse(read_text(folder_ / "c.json"));
  EXPECT_EQ(json["counts"]["SLOWER"], 1);
  EXPECT_EQ(json["rows"][0]["verdict"], "SLOWER");
  EXPECT_NEAR(json["rows"][0]["time"]["change"].get<double>(), 0.1, 0.01);
  EXPECT_EQ(run("compare --json /nowhere/x.json " + base + " " + slower), 2);
  EXPECT_TRUE(contains(output_, "/nowhere/x.json"));
}

// Every kind of bad input is said with its place, and never passes; what is good is still compared.
TEST_F(CompareProgram, BadInput) {
  const std::string base = report("base.csv", 100, 100);
  const std::string good = read_text(base);
  const auto damaged = [&](std::string_view what, const std::string& text, bool usable) {
    SCOPED_TRACE(what);
    report("bad.csv", 100, 100);  // for its samples
    std::string samples = read_text(folder_ / "base.samples.jsonl");
    write_text(folder_ / "bad.samples.jsonl", samples);
    write_text(folder_ / "bad.csv", text);
    for (const std::string& order : {base + " " + path("bad.csv"), path("bad.csv") + " " + base}) {
      EXPECT_EQ(run("compare " + order), 2) << output_;
      EXPECT_TRUE(contains(output_, "bad.csv:"));
      EXPECT_TRUE(contains(output_, what));
      EXPECT_EQ(contains(output_, " SAME") == true, usable) << output_;
    }
  };
  const std::size_t second = good.find('\n', good.find('\n') + 1) + 1;
  const std::string first_only = good.substr(0, second);
  const std::string last = good.substr(second);
  const auto replaced = [&](std::string text, std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  damaged("is empty", "", false);
  damaged("has no rows to compare", header_line() + "\n", false);
  damaged(":3:1: error: the file ends in the middle", good.substr(0, good.size() - 9), true);
  damaged(":3:1: error: schema_version: '77'", first_only + "77" + last.substr(last.find(',')),
          true);
  damaged("unknown column 'occupation'", replaced(good, "occupancy", "occupation"), true);
  damaged("missing column 'occupancy'", replaced(good, "occupancy", "occupation"), true);
  damaged("wrong quoting", first_only + replaced(last, ",abc,", ",a\"b\"c,"), true);
  damaged("'nan' is not allowed here",
          good + testing::line_with(sample_row("z"), "t_median_us", "nan") + "\n", true);
  damaged("is there twice", good + last, true);
  Row cuda = sample_row("z");
  cuda.set("device", "cuda");
  cuda.set("row_id", make_row_id(cuda));
  damaged(":4:1: error: device: 'cuda'", good + format_row(cuda) + "\n", true);
}

TEST_F(CompareProgram, BadSamples) {
  const std::string base = report("base.csv", 100, 100);
  const std::string other = report("other.csv", 100, 100);
  const std::string samples = read_text(folder_ / "other.samples.jsonl");
  write_text(folder_ / "other.samples.jsonl", samples.substr(0, samples.size() - 5));
  EXPECT_EQ(run("compare " + base + " " + other), 2);
  EXPECT_TRUE(contains(output_, "other.samples.jsonl:2:1: error: the file ends in the middle"));
  EXPECT_TRUE(contains(output_, "1 UNCLEAR, 1 SAME"));
  std::filesystem::remove(folder_ / "other.samples.jsonl");
  EXPECT_EQ(run("compare " + base + " " + other), 2);
  EXPECT_TRUE(contains(output_,
                       "other.samples.jsonl: cannot be opened: No such file or directory; "
                       "the raw samples of"));
}

// What is printed is what was compared, and a time that the samples do not have is told.
TEST_F(CompareProgram, EditedTimes) {
  const std::string base = report("base.csv", 100, 100);
  const std::string edited = report("edited.csv", 100, 100);
  Report read = read_report(edited);
  read.rows[1].set("t_median_us", 10.0).set("t_min_us", 9.0).set("t_p25_us", 9.5);
  read.rows[1].clear("median_ci_lo_us").clear("median_ci_hi_us");
  write_text(edited, header_line() + "\n" + format_row(read.rows[0]) + "\n" +
                         format_row(read.rows[1]) + "\n");
  EXPECT_EQ(run("compare " + base + " " + edited), 2) << output_;
  EXPECT_TRUE(contains(output_, "edited.csv:3:1: error: t_median_us: 10, but the samples in"));
  EXPECT_FALSE(contains(output_, " 10.0 ")) << output_;
  EXPECT_EQ(run("merge " + path("out.csv") + " " + edited), 2);
  EXPECT_TRUE(contains(output_, "nothing was written: mend the inputs")) << output_;
  EXPECT_EQ(run("merge --drop-bad " + path("out.csv") + " " + edited), 2);
  EXPECT_EQ(read_report(path("out.csv")).rows.size(), 1u);
}

TEST_F(CompareProgram, BadArguments) {
  const std::string base = report("base.csv", 100, 100);
  for (const char* arguments :
       {"compare", "compare --least 0% ", "compare --least x ", "compare --alpha 2 ",
        "compare --error-factor 0.5 ", "compare --filter '[' ", "compare --across nothing ", "gate",
        "self-test", "self-test --trials 0 "})
    EXPECT_EQ(run(arguments + (" " + base) + (std::string(arguments)[0] == 'c' ? " " + base : "") +
                  (std::string(arguments) == "compare" ? " --nonsense" : "") +
                  (std::string(arguments) == "self-test" ? " --nonsense" : "")),
              2)
        << arguments << output_;
  EXPECT_EQ(run("compare " + base + " /absent.csv"), 2);
  EXPECT_TRUE(contains(output_, "/absent.csv: cannot be opened"));
}

TEST_F(CompareProgram, NoOutputIsAnInput) {
  std::filesystem::create_directory(path("runs"));
  const std::string base = report("runs/base.csv", 100, 100);
  const std::string same = report("runs/same.csv", 100, 100);
  const std::string samples = samples_path(base).string();
  const std::string both = base + " " + same;
  const std::string gate = "gate --baseline " + path("runs") + " " + report("new.csv", 100, 100);
  std::filesystem::create_symlink(same, path("link"));
  const std::string before = read_text(base) + read_text(samples) + read_text(same);
  for (const std::string& arguments :
       {"compare " + both + " --csv " + base, "compare " + both + " --json " + samples,
        "compare " + both + " --csv " + path("link"),
        "compare " + both + " --csv " + path("o") + " --json " + path("./o"),
        "html " + base + " -o " + samples, "html " + base + " --compare " + same + " -o " + same,
        "trend " + path("runs") + " -o " + base, "trend " + path("runs") + " -o " + samples,
        "work " + base + " --update --baseline " + base,
        "work " + base + " --update --baseline " + samples, gate + " --json " + path("runs/o.json"),
        gate + " --csv " + base, gate + " --csv " + path("new.csv"),
        "merge --overwrite " + samples + " " + base,
        "merge --overwrite " + path("o.csv") + " " + path("o.samples.jsonl")}) {
    EXPECT_EQ(run(arguments), 2) << arguments << output_;
    if (contains(output_, "Chart.js")) continue;  // no pages in this build
    EXPECT_TRUE(contains(output_, "name another file") ||
                contains(output_, "name a file elsewhere"))
        << arguments << output_;
  }
  EXPECT_EQ(read_text(base) + read_text(samples) + read_text(same), before);
  EXPECT_FALSE(std::filesystem::exists(path("o")));
  EXPECT_EQ(run(gate + " --json " + path("o.json") + " --csv " + path("o.csv")), 0) << output_;
}

TEST_F(CompareProgram, NumbersAreFinite) {
  std::filesystem::create_directory(path("runs"));
  const std::string base = report("runs/base.csv", 100, 100);
  for (const std::string& arguments :
       {"trend --least nan " + path("runs"), "trend --least inf " + path("runs"),
        "trend --false-alarm nan " + path("runs"), "trend --false-alarm 51 " + path("runs"),
        "self-test --at-most nan " + base, "self-test --at-most x " + base,
        "compare --alpha nan " + base + " " + base, "compare --least nan " + base + " " + base,
        "compare --error-factor nan " + base + " " + base}) {
    EXPECT_EQ(run(arguments), 2) << arguments << output_;
    EXPECT_TRUE(contains(output_, "is wanted")) << arguments;
  }
  EXPECT_EQ(run("trend --least 0 --false-alarm 50 " + path("runs")), 0) << output_;
}

TEST_F(CompareProgram, AnAnswerThatCannotBeWritten) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  std::filesystem::create_directory(path("runs"));
  const std::string base = report("runs/base.csv", 100, 100);
  Row row = sample_row();
  const std::string counted =
      write_report(path("counted.csv"), {{row.set("sectors_read", 24), {}}}).string();
  const std::string folder = path("baselines");
  const std::string gate = "gate --update-baseline --baseline " + folder + " ";
  for (const std::string& arguments :
       {std::string("--help"), std::string("compare --help"), std::string("columns"),
        "show " + base, "compare " + base + " " + base, gate + base, "trend " + path("runs"),
        "work --update --baseline " + path("w") + " " + counted,
        "merge " + path("m.csv") + " " + base, "self-test " + base}) {
    EXPECT_EQ(run(arguments), 0) << arguments << output_;
    std::filesystem::remove_all(folder);
    std::filesystem::remove(path("m.csv"));
    std::filesystem::remove(path("m.samples.jsonl"));
    EXPECT_EQ(run(arguments + " >/dev/full"), 2) << arguments;
    EXPECT_FALSE(std::filesystem::exists(folder)) << "stored by " << arguments;
  }
}

TEST_F(CompareProgram, SelfTest) {
  const std::string one = report("one.csv", 100, 200);
  EXPECT_EQ(run("self-test --trials 20 " + one), 0) << output_;
  EXPECT_TRUE(contains(output_, "smallest slowdown found with 95 % power"));
  const std::string two = report("two.csv", 110, 200);
  EXPECT_EQ(run("self-test " + one + " " + two), 0) << output_;
  EXPECT_TRUE(contains(output_, "reports with a false alarm: 2/2"));
  EXPECT_EQ(run("self-test --at-most 0.1 " + one + " " + two), 1) << output_;
  const std::string other = report("other.csv", 100, 200, "commit", "def");
  EXPECT_EQ(run("self-test " + one + " " + other), 2) << output_;
  EXPECT_TRUE(contains(output_, "commit is 'def', but that of"));
}

TEST_F(CompareProgram, WorkAgainstACommittedText) {
  const auto counted = [&](std::string_view name, int sectors, int registers,
                           std::string_view nvcc = "13.0.88") {
    Row row = sample_row("a");
    row.set("run_id", name).set("sectors_read", sectors).set("registers", registers);
    row.set("nvcc_version", nvcc);
    return write_report(folder_ / name, {{row, {}}}).string();
  };
  const std::string against = " --baseline " + path("work.txt");
  const std::string base = counted("base.csv", 24, 32);
  EXPECT_EQ(run("work " + base + against), 2) << output_;
  EXPECT_TRUE(contains(output_, "work.txt")) << output_;
  EXPECT_EQ(run("work " + base + against + " --update"), 0) << output_;
  EXPECT_TRUE(contains(read_text(path("work.txt")), "\n  sectors_read=24\n  registers=32\n"));
  EXPECT_EQ(run("work " + base + against), 0) << output_;
  EXPECT_EQ(run("work " + counted("more.csv", 96, 32) + against), 1) << output_;
  EXPECT_TRUE(contains(output_, "CHANGED-WORK a v1_tree fp16: worse: sectors_read 24 -> 96\n"));
  EXPECT_EQ(run("work " + counted("less.csv", 20, 32) + against), 1) << output_;
  EXPECT_EQ(run("work " + counted("nvcc.csv", 24, 40, "14") + against), 2) << output_;
  EXPECT_TRUE(contains(output_, "INCOMPARABLE a v1_tree fp16: nvcc_version 13.0.88 -> 14"));
  EXPECT_EQ(run("work " + counted("both.csv", 96, 40, "14") + against), 1) << output_;
  EXPECT_EQ(run("work " + counted("spoilt.csv", 24, 40, "14") + against + " --counted-only"), 0);
  EXPECT_TRUE(contains(output_, "compiled columns were not looked at")) << output_;
  EXPECT_EQ(run("work " + base + against + " --update --counted-only"), 2) << output_;
  write_text(path("work.txt"), "work 1\nnonsense\n");
  EXPECT_EQ(run("work " + base + against), 2) << output_;
  EXPECT_TRUE(contains(output_, "work.txt:2: 'nonsense' is no row")) << output_;
}

}  // namespace
}  // namespace assay::reports
