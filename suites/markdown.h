// The summary of a run as Markdown, for the job pages of CI.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/manifest.h"
#include "suites/report.h"

namespace assay::suites {

/// What was run, where, and how it ended.
struct RunFacts {
  std::string device;  // "cuda (NVIDIA H200)"
  std::string commit;  // with "+changes" where the tree had any
  std::string set;
  std::uint64_t seed = 1;
  std::string shard;  // "2 of 4"; empty without shards
  double duration_s = 0.0;
  int tests_passed = 0;
  int tests_failed = 0;
  int tests_skipped = 0;
  int tests_not_run = 0;       // of those that should have; in none of the counts above
  std::string update_command;  // that writes the manifest again; empty without one
  std::vector<Discrepancy> discrepancies;
};

/// `text` such that Markdown and HTML show it as it is, in a paragraph or a table's cell.
std::string escape_markdown(const std::string& text);

/// A heading with the verdict, the facts, failures with their replay commands (the first 50, long
/// reasons cut), and a table of each op's counts by status and worst case.
std::string render_markdown(const RunFacts& facts, const Report& report);

}  // namespace assay::suites
