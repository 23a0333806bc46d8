// In what two kernel sets differ, and the sets between them.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay::bisect {

/// The versions of each op in the order in which a kernel set tries them.
using Orders = std::map<std::string, std::vector<std::string>, std::less<>>;

/// Of a specification as KernelSet::parse takes it. Throws InputError where that does.
Orders orders_of(const std::string& spec);

/// The shortest specification of these orders that does not depend on a named set other than best:
/// pins of the ops whose order is not that of the version table, "best" if there are none. Equal
/// sets have equal ones, and it may follow another set: "baseline," + it, unless it is "best".
std::string spec_of(const Orders& orders);

/// A version that is tried before what the set `from` would try for this op; or, if `whole`, the
/// order that `to` has for it, with nothing behind: "v3_vector/v2_tiled".
struct Pin {
  std::string op;
  std::string version;
  bool whole = false;
  auto operator<=>(const Pin&) const = default;
};
/// "linear=v3_vector,rope=v1_pairs"
std::string to_string(const std::vector<Pin>& pins);

/// The sets between `from` and `to`.
class KernelDifference {
 public:
  KernelDifference(Orders from, Orders to);

  /// Ops whose orders differ.
  const std::vector<std::string>& ops() const { return ops_; }
  /// The pins that make the order of `op` what it is in `to`. A version that would come to its turn
  /// in the same place without a pin is left out. One whole one where `to` only allows less than
  /// `from`.
  std::vector<Pin> pins(const std::string& op) const;
  Pin whole(const std::string& op) const;
  /// `from` with these versions tried first, in the order of `to`. All pins of an op that are not
  /// whole give its order in `to`, followed by versions that `to` does not allow.
  Orders with_pins(const std::vector<Pin>& pins) const;

  /// `to` with these pins taken back.
  Orders without_pins(const std::vector<Pin>& pins) const;

  const Orders& from() const { return from_; }
  const Orders& to() const { return to_; }

 private:
  Orders from_;
  Orders to_;
  std::vector<std::string> ops_;
};

}  // namespace assay::bisect
