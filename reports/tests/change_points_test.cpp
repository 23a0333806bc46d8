#include "reports/change_points.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/device/error.h"

namespace assay::reports {
namespace {

// Values around 1 with the given relative noise, multiplied by `factor` from `at` on.
std::vector<double> series(std::size_t n, double noise, std::uint64_t seed, std::size_t at = 0,
                           double factor = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> draw(0, noise);
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = (1 + draw(random)) * (i >= at ? factor : 1);
  return values;
}

using Found = std::vector<std::size_t>;

TEST(ChangePoints, AStepWithoutNoise) {
  std::vector<double> values(20, 1.0);
  for (std::size_t i = 12; i < 20; ++i) values[i] = 1.1;
  EXPECT_EQ(find_change_points(values), Found{12});
  EXPECT_EQ(find_change_points(std::vector<double>(20, 1.0)), Found{});
  EXPECT_EQ(find_change_points({}), Found{});
  EXPECT_EQ(find_change_points(std::vector<double>{1, 2}), Found{});
}

TEST(ChangePoints, TwoSteps) {
  std::vector<double> values = series(45, 0.01, 3, 15, 1.1);
  for (std::size_t i = 30; i < 45; ++i) values[i] *= 0.8;
  EXPECT_EQ(find_change_points(values), (Found{15, 30}));
}

// A step of five times the noise, at its place within one, in 95 of 100 series or more.
TEST(ChangePoints, FindsAStepAtItsPlace) {
  for (const std::size_t at : {8u, 20u, 36u}) {
    int right = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Found found = find_change_points(series(40, 0.01, seed, at, 1.05));
      bool near = false;
      for (const std::size_t f : found) near = near || (f + 1 >= at && f <= at + 1);
      right += near;
    }
    EXPECT_GE(right, 190) << at;
  }
}

// The stated rate is 1 %: of 2000 series 20, with four standard errors 38.
template <typename Draw>
int alarms_in_noise(std::size_t n, Draw draw) {
  int alarms = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 random(seed + 1);
    std::vector<double> values(n);
    for (double& value : values) value = draw(random);
    alarms += !find_change_points(values).empty();
  }
  return alarms;
}

TEST(ChangePoints, KeepsItsFalseAlarmRate) {
  const auto normal = [](auto& random) {
    return std::normal_distribution<double>(1, 0.01)(random);
  };
  const auto heavy = [](auto& random) {
    return 1 + std::student_t_distribution<double>(2)(random);
  };
  const auto skewed = [](auto& random) { return std::exponential_distribution<double>(1)(random); };
  EXPECT_LE(alarms_in_noise(30, normal), 38);
  EXPECT_LE(alarms_in_noise(30, heavy), 38);
  EXPECT_LE(alarms_in_noise(30, skewed), 38);
  EXPECT_LE(alarms_in_noise(12, normal), 38);
}

TEST(ChangePoints, OneStrayValueIsNoStep) {
  int alarms = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<double> values = series(30, 0.01, seed);
    values[17] *= 1.3;
    alarms += !find_change_points(values).empty();
  }
  EXPECT_LE(alarms, 8);
}

// What the header says of short series.
TEST(ChangePoints, NeedsTenValues) {
  const auto clear_step = [](std::size_t n) {
    std::vector<double> values;
    for (std::size_t i = 0; i < n; ++i)
      values.push_back((i < n / 2 ? 1 : 2) + 1e-3 * static_cast<double>((i * 7) % 5));
    return values;
  };
  EXPECT_EQ(find_change_points(clear_step(8)), Found{});
  EXPECT_EQ(find_change_points(clear_step(12)), Found{6});
}

TEST(ChangePoints, TheSameEveryTime) {
  const auto values = series(40, 0.02, 5, 20, 1.03);
  EXPECT_EQ(find_change_points(values), find_change_points(values));
}

TEST(ChangePoints, RefusesWhatIsNotFinite) {
  EXPECT_THROW(find_change_points(std::vector<double>{1, std::nan(""), 2}), Error);
  EXPECT_THROW(find_change_points(std::vector<double>{std::numeric_limits<double>::infinity()}),
               Error);
}

}  // namespace
}  // namespace assay::reports
