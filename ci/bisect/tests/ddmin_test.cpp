// Planted causes, found: alone and in interaction, with and without answers that do not tell.
#include "ci/bisect/ddmin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

namespace assay::bisect {
namespace {

Changes all_of(std::size_t n) {
  Changes all(n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

Changes draw(std::mt19937& random, std::size_t n, std::size_t count) {
  Changes all = all_of(n);
  std::ranges::shuffle(all, random);
  all.resize(count);
  std::ranges::sort(all);
  return all;
}

bool holds(const Changes& set, const Changes& part) { return std::ranges::includes(set, part); }

TEST(DeltaDebugging, FindsExactlyThePlantedSet) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t n = std::uniform_int_distribution<std::size_t>(3, 24)(random);
    const std::size_t count = static_cast<std::size_t>(trial) % 3 + 1;
    const Changes planted = draw(random, n, count);
    std::set<Changes> tested;
    const Minimum found = ddmin(all_of(n), [&](const Changes& changes) {
      EXPECT_TRUE(tested.insert(changes).second) << "tested twice";
      return holds(changes, planted) ? Answer::kBad : Answer::kGood;
    });
    EXPECT_EQ(found.changes, planted) << "trial " << trial;
    EXPECT_TRUE(found.doubtful.empty());
    EXPECT_EQ(found.tests, tested.size());
    EXPECT_LE(found.tests, n * n + 3 * n);
  }
}

TEST(DeltaDebugging, OneCauseTakesALogarithmOfTests) {
  for (std::size_t cause = 0; cause < 64; ++cause) {
    const Minimum found = ddmin(all_of(64), [&](const Changes& changes) {
      return holds(changes, {cause}) ? Answer::kBad : Answer::kGood;
    });
    EXPECT_EQ(found.changes, Changes{cause});
    EXPECT_LE(found.tests, 12U);  // 2 log2(64)
  }
}

TEST(DeltaDebugging, UnclearAnswersNeverLoseTheCauseAndDoubtIsTold) {
  std::mt19937 random(2);
  int exact = 0;
  int doubted = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t n = std::uniform_int_distribution<std::size_t>(3, 16)(random);
    const Changes planted = draw(random, n, static_cast<std::size_t>(trial) % 3 + 1);
    const auto seed = random();
    // A third of all sets does not tell: the same ones whenever they are asked for.
    const auto truth = [&](const Changes& changes) {
      std::seed_seq mixed(changes.begin(), changes.end());
      std::mt19937 of_set(mixed);
      if ((of_set() ^ seed) % 3 == 0) return Answer::kUnclear;
      return holds(changes, planted) ? Answer::kBad : Answer::kGood;
    };
    const Minimum found = ddmin(all_of(n), truth);
    ASSERT_TRUE(holds(found.changes, planted)) << "trial " << trial;
    for (const std::size_t change : found.changes) {
      if (found.changes == Changes{change}) continue;  // without it nothing is left, which is good
      Changes rest = found.changes;
      std::erase(rest, change);
      const bool doubtful = std::ranges::binary_search(found.doubtful, change);
      ASSERT_EQ(truth(rest), doubtful ? Answer::kUnclear : Answer::kGood);
    }
    if (found.changes != planted) {
      ASSERT_FALSE(found.doubtful.empty()) << "too large, and sure of it";
      ++doubted;
    } else {
      ++exact;
    }
  }
  EXPECT_GT(exact, 100);
  EXPECT_GT(doubted, 10);  // else this test has not seen what it is about
}

TEST(DeltaDebugging, ResultHasNothingToSpareWhereMoreChangesHeal) {
  // Bad with 2 and 5, but not with 7 as well unless 3 is there: not monotone.
  const auto truth = [](const Changes& changes) {
    const bool heals = holds(changes, {7}) && !holds(changes, {3});
    return holds(changes, {2, 5}) && !heals ? Answer::kBad : Answer::kGood;
  };
  ASSERT_EQ(truth(all_of(9)), Answer::kBad);
  const Minimum found = ddmin(all_of(9), truth);
  ASSERT_EQ(truth(found.changes), Answer::kBad);
  for (const std::size_t change : found.changes) {
    Changes rest = found.changes;
    std::erase(rest, change);
    EXPECT_NE(truth(rest), Answer::kBad);
  }
}

}  // namespace
}  // namespace assay::bisect
