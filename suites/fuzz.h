// Drawing cases at random and shrinking those that fail. Knows no kernel and no test framework:
// what a case is put to is a function of its dimensions' values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "suites/case_family.h"

namespace assay::suites {

/// The most that one drawn case may cost.
struct WorkLimit {
  double elements;  // in all operands
  double flops;
};

/// Whether the case stays within the limit.
bool affordable(const Case& c, const WorkLimit& limit);

struct DrawnCase {
  DType dtype;
  DimensionValues values;
};

/// Draws cases of one op: any dtype, and dimensions that are small, powers of two and their
/// neighbours, a version's boundaries and theirs, multiples of vector widths and a tail, or
/// anything. The same
/// seed gives the same cases. Every case is possible and within `limit`; the version may still not
/// support it.
class CaseDrawer {
 public:
  /// `family` outlives the drawer.
  CaseDrawer(const CaseFamily& family, std::uint64_t seed, WorkLimit limit);
  /// A case to try `version` with.
  DrawnCase next(std::size_t version);

 private:
  int draw_value(const Dimension& dimension, std::size_t version);
  void draw_relation(DimensionValues& values);
  void reduce(DimensionValues& values, DType dtype);

  const CaseFamily* family_;
  Random random_;
  WorkLimit limit_;
};

/// Raises values to what the dimensions they depend on ask for: multiples, least values, steps.
void repair(const std::vector<Dimension>& dimensions, DimensionValues& values);

struct Shrunk {
  DimensionValues values;
  int tries = 0;         // smaller cases that were tried
  bool finished = true;  // false: time ran out before no smaller one failed
};

/// Makes failing values smaller, one dimension after the other, as long as `fails` says that they
/// still fail. `fails` answers false for values that no case has. What is left fails, and does not
/// with one dimension at its smallest, nearer to it by any halving of the distance, or lower by up
/// to 16 steps; unless `out_of_time` said so first.
Shrunk shrink(const std::vector<Dimension>& dimensions, DimensionValues failing,
              const std::function<bool(const DimensionValues&)>& fails,
              const std::function<bool()>& out_of_time);

/// How many cases of each op and version were drawn, and what came of them.
class FuzzTally {
 public:
  enum class Result : std::uint8_t { kPassed, kUnsupported, kFailed };
  /// Lists a version whose op is drawn, so that it shows in the summary even if it never is itself.
  void expect(const std::string& op, const std::string& version);
  void count(const std::string& op, const std::string& version, Result result);
  /// A line for each version, and the versions that never ran; "" where none is expected.
  std::string summary() const;

 private:
  struct Line {
    std::string op;
    std::string version;
    int passed = 0;
    int unsupported = 0;
    int failed = 0;
  };
  Line& line(const std::string& op, const std::string& version);
  std::vector<Line> lines_;
};

}  // namespace assay::suites
