// The laboratory of this machine: builds from the store, runs of their verify or sweep.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ci/bisect/builds.h"
#include "ci/bisect/lab.h"
#include "ci/bisect/watch.h"

namespace assay::bisect {

struct RunPlan {
  Metric metric = Metric::kTime;
  std::string case_expression;         ///< Searched for in the names of tests, benchmarks and rows.
  std::vector<std::string> arguments;  ///< Added to every run: --set, --seed ...
  std::string command;                 ///< Instead of verify or sweep: see --run-command.
  double timeout_s = 3600;
};

/// The program that a metric needs: "sweep" for time, else "verify".
std::string program_of(Metric metric);

class RealLab : public Lab {
 public:
  RealLab(const Repository& repository, const WorkFolder& work, BuildStore& builds, RunPlan plan);

  Built build(const std::string& commit) override;
  Observed run(const Built& built, const std::set<std::string>& keys) override;

 private:
  struct Names {
    std::vector<std::string> all;  ///< That the expression is found in, as the program spells them.
    std::string problem;
  };
  const Names& names_of(const std::string& commit);
  void keep_rows_of_the_case(Observed& observed) const;
  Observed run_program(const std::vector<std::string>& argv, const std::filesystem::path& csv,
                       std::vector<std::pair<std::string, std::string>> environment);
  std::string code_for_case(const Build& build, const std::string& commit);
  /// What programs read of the commit's tree when they run.
  std::string data_of(const std::string& commit) const;
  /// The same for commits whose programs are the same: all code, all data. A commit whose objects
  /// are not known is the same as itself alone.
  std::string program_id(const Build& build, const std::string& commit) const;

  const Repository& repository_;
  const WorkFolder& work_;
  BuildStore& builds_;
  RunPlan plan_;
  std::function<bool(const std::string&)> matches_;
  std::map<std::string, Build> known_;              ///< By commit.
  std::map<std::string, Names> names_;              ///< By program_id(): listing takes a second.
  std::map<std::string, std::string> name_of_key_;  ///< Row key -> benchmark.
  int runs_ = 0;
};

}  // namespace assay::bisect
