// make_reports FOLDER: synthetic reports for the test of the pages in a browser.
//   sweep.csv     a full sweep of one GPU
//   emulated.csv  a small one of the emulated device
//   trend/*.csv   24 runs, with rms_norm's v2 8 % slower from the 16th on
#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <iostream>

#include "reports/pending_file.h"
#include "reports/tests/synthetic_sweep.h"
#include "reports/writer.h"

namespace {

using namespace assay::reports;

void write(const std::filesystem::path& path, const testing::SyntheticRun& run) {
  std::string text = header_line() + "\n";
  for (const Row& row : testing::synthetic_sweep(run)) text += format_row(row) + "\n";
  PendingFile(path, text).commit();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_reports FOLDER\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder / "trend");
    testing::SyntheticRun run;
    run.noise = 0.01;
    write(folder / "sweep.csv", run);
    run.emulated = true;
    run.small = true;
    write(folder / "emulated.csv", run);
    for (std::uint64_t i = 1; i <= 24; ++i) {
      testing::SyntheticRun one;
      one.small = true;
      one.noise = 0.01;
      one.seed = i;
      one.slower = i >= 16 ? 1.08 : 1;
      one.run_id = fmt::format("202602{:02}T120000Z-000001", i);
      one.utc = fmt::format("2026-02-{:02}T12:00:00Z", i);
      one.commit = fmt::format("{:02x}{}", i * 7, std::string(38, 'c'));
      write(folder / "trend" / fmt::format("run{:02}.csv", i), one);
    }
  } catch (const std::exception& error) {
    std::cerr << "make_reports: " << error.what() << "\n";
    return 2;
  }
}
