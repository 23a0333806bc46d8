// A family: all the cases of one op, those in its table of shapes and those that the values of its
// dimensions describe. A case's id names these values, so that it can be made again from its id.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "suites/case.h"

namespace assay::suites {

/// One of the numbers that a family's cases depend on.
struct Dimension {
  std::string name;
  int smallest = 1;
  int largest = 1;           // that is worth drawing; a case named by its id may be larger
  int step = 1;              // values are multiples of it
  std::vector<int> choices;  // the only values there are, simplest first; empty: any
  std::string multiple_of;   // the dimension that divides this one, if any
  std::string at_least;      // the dimension that this one is not below, if any
};

/// A value for each dimension of a family, in their order.
using DimensionValues = std::vector<int>;

struct CaseFamily {
  std::string op;
  std::vector<Dimension> dimensions;  // in the order of the id
  std::vector<DType> dtypes;
  std::vector<std::string> versions;              // as in the op's table
  std::vector<std::vector<Boundary>> boundaries;  // of each version
  /// The cases of the table of shapes and of every boundary, at every dtype.
  std::function<std::vector<Case>()> listed;
  /// "" or why there is no such case, beyond what `dimensions` say.
  std::function<std::string(const DimensionValues&)> refuse;
  /// Throws InputError where `impossible` has a reason.
  std::function<Case(const DimensionValues&, DType, ShapeSet)> make;

  /// "" or why the op has no case with these values.
  std::string impossible(const DimensionValues& values) const;
  /// The place of a dimension. Throws InputError that names those there are.
  std::size_t dimension(const std::string& name) const;
};

/// The family of an op. Throws InputError that names those there are.
const CaseFamily& find_family(const std::vector<CaseFamily>& families, const std::string& op);

/// The case whose op and id are `name`, "rms_norm/fp16/rows=3,width=128". Throws InputError for an
/// op, dtype or dimension that does not exist, saying which do, and for values that no case has.
Case make_case(const std::string& name, const std::vector<CaseFamily>& families, ShapeSet set);

/// The place of a version in the case's op's table. Throws InputError that names those there are.
std::size_t find_version(const Case& c, const std::string& version);

/// A boundary's value and its neighbours, one step of the dimension to either side.
std::vector<int> around(const Boundary& boundary, const Dimension& dimension);

/// The command that puts this version of this case to all checks again: the same inputs, and on the
/// emulated device the same order of threads.
std::string replay_command(const Case& c, std::size_t version, std::uint64_t seed);

/// Draws the schedule of the emulated device from the seed, the case and the version, whatever ran
/// before in this process. To be called before a version of a case is checked.
void seed_schedule(const Case& c, std::size_t version, std::uint64_t seed);

}  // namespace assay::suites
