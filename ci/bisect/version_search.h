// The smallest set of kernel versions that makes one kernel set bad where another is good.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ci/bisect/ddmin.h"
#include "ci/bisect/kernel_difference.h"
#include "ci/bisect/version_check.h"

namespace assay::bisect {

/// One tested kernel set.
struct VersionStep {
  std::string what;     ///< "--from", or the pins that it has beside --from.
  std::string kernels;  ///< As spec_of has it.
  Answer answer = Answer::kUnclear;
  std::string detail;
  double wall_s = 0;
  bool from_log = false;
};
std::string_view name_of(Answer answer);

struct VersionFinding {
  Outcome outcome = Outcome::kUnclear;
  std::string text;                ///< Of the ends, where there was nothing to look for.
  std::vector<Pin> pins;           ///< That make it bad, with nothing to spare.
  std::vector<Pin> doubtful;       ///< Of those: without it the check is unclear.
  Answer rest = Answer::kUnclear;  ///< Of --to without the pins: good if they are all there is.
  std::string rest_kernels;
  std::string rest_detail;
};

/// Delta debugging in two levels (Misherghi and Su, HDD: hierarchical delta debugging, ICSE 2006):
/// first over the ops in which the sets differ, then over the versions of those ops that were
/// found.
class VersionSearch {
 public:
  VersionSearch(KernelDifference difference, VersionCheck& check)
      : difference_(std::move(difference)), check_(check) {}

  /// A step of an earlier run, as log_entry made it, is not run again. Throws where it is none.
  void remember(const nlohmann::json& step);

  std::function<void(const VersionStep&)> starting;  ///< Before a set is tested.
  std::function<void(const VersionStep&, const nlohmann::json& measured)> done;

  VersionFinding run();
  const std::vector<VersionStep>& steps() const { return steps_; }

 private:
  nlohmann::json measure(VersionStep& step);
  VersionStep test(const std::string& what, const Orders& orders);
  Answer test_pins(const std::vector<Pin>& pins);
  void minimize(VersionFinding& finding);

  KernelDifference difference_;
  VersionCheck& check_;
  struct Earlier {
    double wall_s;
    nlohmann::json measured;
  };
  std::map<std::string, Earlier> earlier_;    // by kernels
  std::map<std::string, VersionStep> known_;  // by kernels
  std::vector<VersionStep> steps_;
};

/// What a step is in a log.
nlohmann::json log_entry(const VersionStep& step, const nlohmann::json& measured);

}  // namespace assay::bisect
