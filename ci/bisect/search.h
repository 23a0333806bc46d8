// The search itself: both ends again, then the commits that git bisect asks about, then the answer.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ci/bisect/git.h"
#include "ci/bisect/lab.h"
#include "ci/bisect/live_table.h"
#include "ci/bisect/result.h"
#include "ci/bisect/step_log.h"
#include "ci/bisect/trial.h"
#include "ci/bisect/watch.h"

namespace assay::bisect {

/// One commit and what became of it.
struct Step {
  Commit commit;
  Verdict verdict = Verdict::kUnclear;
  std::string how = {};  ///< "timed", "run", "code as in 1234567890", "does not build"
  std::string numbers = {};
  std::string code = {};  ///< Built::code
  bool built = false;     ///< A build was made for it, rather than found.
  double build_s = 0;
  double run_s = 0;
  std::vector<std::string> worse = {};  ///< Rows over their threshold.
  TimesByName times_us = {};            ///< Of one that was timed.
};

/// A line of the log, and of the result.
nlohmann::json to_json(const Step& step);

class Search {
 public:
  /// `walk_folder` is for git bisect's state, and gone at the end.
  Search(Question question, const Repository& repository, Lab& lab, StepLog& log, LiveTable& table,
         std::filesystem::path walk_folder);

  /// The result, with everything but what only the command knows: the replay. Throws InputError
  /// where an end does not build, and Interrupted.
  Result run();

  const std::vector<Step>& steps() const { return steps_; }

 private:
  bool compare_ends(Result& result);
  bool compare_ends_exactly(Result& result);
  bool compare_ends_in_time(Result& result);
  Step judge_commit(const std::string& sha);
  void measure(Step& step, const Built& built);
  Observed run_repeatedly(const Built& built, const std::set<std::string>& keys, bool& agree);
  bool recall(const std::string& sha, Step& step) const;
  bool recall_ends();
  void add(Step step);
  void show(const Step& step);
  void conclude(const Walk& walk, Result& result);
  void found(const std::string& sha, Result& result);
  bool jumped(const Built& before, const Built& after) const;
  bool confirm(const Commit& commit, Result& result);
  Built build_end(const std::string& sha, const char* which);
  void describe(Result& result) const;
  const Step* step_of(const std::string& sha) const;
  std::set<std::string> watched_keys() const;

  Question question_;
  const Repository& repository_;
  Lab& lab_;
  StepLog& log_;
  LiveTable& table_;
  std::filesystem::path walk_folder_;
  std::size_t commits_ = 0;
  double alpha_ = 0;
  Built good_, bad_;
  std::vector<Watch> watches_;  ///< All metrics but time.
  TimeEnds ends_;               ///< Time.
  std::vector<Step> steps_;
};

/// Columns of the table of steps.
std::vector<LiveColumn> step_columns();

}  // namespace assay::bisect
