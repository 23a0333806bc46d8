#include "ci/bisect/ddmin.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace assay::bisect {
namespace {

// The i-th of n parts of nearly equal size.
Changes part_of(const Changes& all, std::size_t i, std::size_t n) {
  const auto at = [&](std::size_t k) {
    return all.begin() + static_cast<std::ptrdiff_t>(all.size() * k / n);
  };
  return {at(i), at(i + 1)};
}

Changes without(const Changes& all, const Changes& part) {
  Changes rest;
  std::ranges::set_difference(all, part, std::back_inserter(rest));
  return rest;
}

}  // namespace

Minimum ddmin(Changes bad, const std::function<Answer(const Changes&)>& test) {
  std::map<Changes, Answer> known{{Changes{}, Answer::kGood}};
  Minimum minimum;
  const auto answer = [&](const Changes& changes) {
    const auto found = known.find(changes);
    if (found != known.end()) return found->second;
    ++minimum.tests;
    return known[changes] = test(changes);
  };
  std::ranges::sort(bad);
  known[bad] = Answer::kBad;
  // One of the n parts that is bad by itself; else one that can be left out. n: parts to go on
  // with.
  const auto reduce = [&](std::size_t& n) {
    for (std::size_t i = 0; i < n; ++i) {
      Changes part = part_of(bad, i, n);
      if (answer(part) != Answer::kBad) continue;
      bad = std::move(part);
      n = 2;
      return true;
    }
    for (std::size_t i = 0; i < n && n > 2; ++i) {  // with two, each is what the other leaves
      Changes rest = without(bad, part_of(bad, i, n));
      if (answer(rest) != Answer::kBad) continue;
      bad = std::move(rest);
      n = std::max<std::size_t>(n - 1, 2);
      return true;
    }
    return false;
  };
  for (std::size_t n = 2; bad.size() >= 2;) {
    n = std::min(n, bad.size());
    if (reduce(n)) continue;
    if (n == bad.size()) break;
    n *= 2;
  }
  for (const std::size_t change : bad) {
    if (answer(without(bad, {change})) == Answer::kUnclear) minimum.doubtful.push_back(change);
  }
  minimum.changes = std::move(bad);
  return minimum;
}

}  // namespace assay::bisect
