// What a kernel set is put to: a command, the suites' verdicts, their errors, or times.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ci/bisect/ddmin.h"
#include "ci/bisect/result.h"

namespace assay::bisect {

/// What `bisect versions` was asked, as far as its checks need it.
struct VersionQuestion {
  std::string check;   ///< A command of the shell; empty: a metric.
  std::string metric;  ///< "status", "error" or "time".
  std::string cases;  ///< Regular expression: tests of verify, rows of sweep; empty: all of models.
  std::string filter;              ///< GoogleTest's own form instead.
  std::optional<double> least;     ///< Least effect as a share; none: the metric's.
  std::vector<std::string> extra;  ///< Arguments handed on to verify or sweep.
  std::filesystem::path verify;
  std::filesystem::path sweep;
  std::optional<double> timeout_s;  ///< Of one run of a program.
};

class VersionCheck {
 public:
  virtual ~VersionCheck() = default;

  /// Runs what has to be run with this kernel set. Its answer depends on the result and on the
  /// ends' alone, so that steps in a log need not be run again. Throws InputError where no answer
  /// can come of it: a program that refuses its arguments, a command that is not there.
  virtual nlohmann::json measure(const std::string& kernels) = 0;

  /// Takes the measurements of both ends, and says whether there is something to look for: kFound
  /// if so.
  struct Ends {
    Outcome outcome;
    std::string text;
    Answer from = Answer::kGood;
    Answer to = Answer::kBad;
  };
  virtual Ends set_ends(const nlohmann::json& from, const nlohmann::json& to) = 0;

  struct Judged {
    Answer answer;
    std::string detail;
  };
  /// After set_ends; before, it tells whether `measured` is a measurement at all, or throws.
  virtual Judged judge(const nlohmann::json& measured) const = 0;

  /// A command that shows what this set does; "" where that is shown beside another one only.
  virtual std::string command(const std::string& kernels) const = 0;
};

/// `from`: the set that is good, as spec_of has it. Throws InputError for a metric that there is
/// not.
std::unique_ptr<VersionCheck> make_version_check(const VersionQuestion& question,
                                                 const std::string& from);

/// The exit code of a check, as git bisect run takes it: 0 good, 125 unclear, others below 128 bad.
/// Throws InputError from 128 on, and for 126 and 127 where `first` says that it was the first run
/// of all.
VersionCheck::Judged judge_exit_code(int exit_code);

}  // namespace assay::bisect
