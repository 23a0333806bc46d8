// Ops, their versions, and the choice among them.
//
// Each op has a contract (kernels/<op>/<op>.h: an Args struct and the maths) and a version table
// (kernels/<op>/<op>.cpp, best first). The engine and the suites resolve versions from the same
// table, so the kernel that is tested is the kernel that ships.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/device/stream.h"

namespace assay {

/// A value of one of the op's dimensions at which this version changes its path (a vector width, a
/// tile, a limit). Suites test the value itself and its two neighbours.
struct Boundary {
  const char* dimension;
  int value;
};

/// One implementation of an op. `unsupported` answers "" or why this problem cannot be run.
template <class Args>
struct Version {
  const char* name;  // "v2_vector_loads": the number is its place in the op's history
  void (*launch)(const Args& args, const Stream& stream);
  std::string (*unsupported)(const Args& args, const Properties& device);
  std::vector<Boundary> boundaries;
};

/// An op and its versions, best first.
template <class Args>
struct Op {
  const char* name;
  std::vector<Version<Args>> versions;
};

/// The names in a version table, for listings and for checking pins.
struct OpNames {
  std::string op;
  std::vector<std::string> versions;  // best first
};
/// Every op of the library, in the order of a forward pass. Throws never.
const std::vector<OpNames>& all_ops();

/// Which version of each op to use.
///
///   best                             the first version in the table that supports the problem
///   baseline                         the oldest that does, nothing fused
///   baseline,rms_norm=v2_vector      one op pinned
///   linear=v3_vector/v2_tiled        pinned to the first of these that supports the problem
class KernelSet {
 public:
  KernelSet() = default;  // best
  /// Throws InputError for an op or version that does not exist, listing those that do.
  static KernelSet parse(std::string_view spec);
  /// ASSAY_KERNELS, or best where it is unset.
  static KernelSet from_environment();

  /// The version for this problem. Throws Error where none, or no pinned one, supports it.
  template <class Args>
  const Version<Args>& resolve(const Op<Args>& op, const Args& args) const {
    std::string reasons;
    for (std::size_t i = 0; i < candidates(op.name, op.versions.size()); ++i) {
      const Version<Args>& version = op.versions[candidate(op.name, i)];
      const std::string reason = version.unsupported(args, properties());
      if (reason.empty()) return version;
      reasons += "\n  " + std::string(version.name) + ": " + reason;
    }
    throw Error(std::string(op.name) + ": no version of kernel set '" + spec_ +
                "' supports this problem:" + reasons);
  }

  /// Resolves and launches.
  template <class Args>
  void run(const Op<Args>& op, const Args& args, const Stream& stream) const {
    resolve(op, args).launch(args, stream);
  }

  /// The specification as given, "best" by default.
  const std::string& spec() const { return spec_; }

 private:
  /// How many versions of `op` this set allows, and the place in the table of the i-th to try.
  std::size_t candidates(std::string_view op, std::size_t table_size) const;
  std::size_t candidate(std::string_view op, std::size_t i) const;

  std::string spec_ = "best";
  // Only ops whose order differs from their table's.
  std::map<std::string, std::vector<std::size_t>, std::less<>> order_;
};

/// The specification of `set` with the ops of `pins` (op=version,...) pinned as these say, whatever
/// it says of them itself. Throws InputError where KernelSet::parse does, and where `pins` names a
/// whole set.
std::string with_pins(std::string_view set, std::string_view pins);

}  // namespace assay
