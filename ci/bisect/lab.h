// Where a search takes its evidence from: builds of commits, and runs of them. The search itself
// knows neither compilers nor GPUs, so that tests can give it a laboratory of paper.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ci/bisect/observation.h"

namespace assay::bisect {

struct Built {
  std::string commit;
  bool ok = false;
  std::string problem;  ///< Why not, in a line.
  bool cached = false;  ///< Was there already.
  double wall_s = 0;    ///< Of the build, also where it is a cached one.
  /// Hash of all machine code that the case can reach; "" where it is not known. Two commits with
  /// the same one behave the same.
  std::string code;
};

inline constexpr std::string_view TIME_LIMIT = "the time limit";

struct Observed {
  std::vector<Observation> rows = {};  ///< One of each key.
  std::string problem = {};            ///< Why there are no rows, in a line; "" where there are.
  /// Of a program that did not end by itself, what ended it: TIME_LIMIT or "signal 11". Rows up to
  /// then count.
  std::string ending = {};
  double wall_s = 0;
};

class Lab {
 public:
  virtual ~Lab() = default;
  /// Builds what the metric needs, or says why it does not build. May throw Interrupted.
  virtual Built build(const std::string& commit) = 0;
  /// One run of the cases, or, if not empty, of those rows of it alone that have these keys.
  virtual Observed run(const Built& built, const std::set<std::string>& keys) = 0;
};

}  // namespace assay::bisect
