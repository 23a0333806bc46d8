// `report` run as a program on reports of two cases.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/tests/compare_report.h"

namespace assay::reports::testing {

class ReportProgram : public ::testing::Test {
 protected:
  // A report of two cases with these medians.
  std::string report(std::string_view name, double a_us, double b_us, std::string_view column = "",
                     std::string_view value = "") {
    std::vector<TimedRow> rows;
    for (const auto& [case_id, median_us] : {std::pair{"a", a_us}, std::pair{"b", b_us}}) {
      Row row = sample_row(case_id);
      row.set("run_id", name).set("commit", "abc").set("driver", "550");
      if (!column.empty()) row.set(column, value);
      rows.push_back(timed(row, noisy(random_, 60, median_us, 0.005)));
    }
    return write_report(folder_ / name, rows).string();
  }

  int run(const std::string& arguments) {
    const std::string command = std::string(ASSAY_REPORT_PROGRAM) + " " + arguments + " 2>&1";
    output_.clear();
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return -1;
    std::array<char, 4096> buffer;
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
      output_.append(buffer.data(), got);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string path(std::string_view name) { return (folder_ / name).string(); }

  TemporaryFolder folder_;
  std::mt19937_64 random_{1};
  std::string output_;
};

}  // namespace assay::reports::testing
