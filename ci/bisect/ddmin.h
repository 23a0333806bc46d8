// Delta debugging: from a set of changes that together make something bad, one that does and has
// nothing to spare. The algorithm ddmin of A. Zeller and R. Hildebrandt, "Simplifying and isolating
// failure-inducing input", IEEE Transactions on Software Engineering 28(2), 2002.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace assay::bisect {

/// Of a test with some of the changes made. Zeller and Hildebrandt: pass, fail, unresolved.
enum class Answer : std::uint8_t { kGood, kBad, kUnclear };

/// Changes, by number, ascending.
using Changes = std::vector<std::size_t>;

struct Minimum {
  Changes changes;
  /// Of those, the ones without which the test was unclear: whether they are needed is not known.
  /// Where this is empty the set is 1-minimal: leave out any one, and the test is good.
  Changes doubtful;
  std::size_t tests = 0;  ///< How many sets were tested; none was tested twice.
};

/// `bad` is a set of changes whose test is known to be bad, while none of them made is known to be
/// good. At best 2 log2(n) tests where one change is to blame, at worst n^2 + 3n.
///
/// Every answer but bad counts as "not bad" on the way, so an unclear one never shrinks the set
/// wrongly; it may keep it larger than it needs to be. Where what is bad stays so with more changes
/// made, and no test is unclear, the result is the one smallest set; otherwise it is a set with
/// nothing to spare, of which there may be several.
Minimum ddmin(Changes bad, const std::function<Answer(const Changes&)>& test);

}  // namespace assay::bisect
