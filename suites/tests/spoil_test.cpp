// Spoiled outputs: a sound comparison refuses every one; each kind of loose comparison is found
// out.
#include "suites/spoil.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "suites/report.h"

namespace assay::suites {
namespace {

constexpr DType DTYPES[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kI32, DType::kU8};

// Numbers that differ from each other, in a tensor with rows and heads.
HostTensor distinct(DType dtype, std::vector<std::int64_t> shape) {
  HostTensor t(dtype, std::move(shape));
  for (std::size_t i = 0; i < t.count(); ++i) t.set(i, static_cast<double>(1 + i * 37 % 101));
  return t;
}

Truth truth_of(const std::vector<HostTensor>& correct) {
  Truth truth;
  for (const HostTensor& t : correct) truth.outputs.push_back({"y", t.values(), 0.0, 0.0});
  return truth;
}

SpoilReport try_exact(const HostTensor& correct) {
  const Truth truth = truth_of({correct});
  return try_general_spoils(correct, 0.0,
                            [&](const HostTensor& found) { return compare_exact({found}, truth); });
}

std::set<std::string> names(const SpoilReport& report) {
  return {report.names.begin(), report.names.end()};
}

// A verdict as a loose comparison would give it.
Verdict verdict(bool pass) {
  Verdict v;
  v.pass = pass;
  return v;
}

TEST(GeneralSpoils, AreAllRefusedByTheExactComparison) {
  for (const DType dtype : DTYPES) {
    const SpoilReport report = try_exact(distinct(dtype, {2, 3, 2, 5}));
    EXPECT_TRUE(report.trusted()) << name_of(dtype) << ": " << report.accepted;
    EXPECT_EQ(report.refused, report.shown);
    const bool floating = dtype != DType::kI32 && dtype != DType::kU8;
    EXPECT_EQ(report.shown, floating ? 16 : 15) << name_of(dtype);
    EXPECT_EQ(names(report).size(), report.names.size()) << "two spoils of one name";
  }
}

TEST(GeneralSpoils, AreAllRefusedByTheThreeWayComparison) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const HostTensor correct = distinct(dtype, {3, 40});
    const Truth truth = truth_of({correct});
    const SpoilReport report = try_general_spoils(
        correct, noticeable(dtype),
        [&](const HostTensor& found) { return compare_three_way({found}, truth, 4096); });
    EXPECT_TRUE(report.trusted()) << name_of(dtype) << ": " << report.accepted;
    EXPECT_EQ(report.shown, 14);
    EXPECT_EQ(report.refused, 14);
  }
}

TEST(GeneralSpoils, NameEveryKind) {
  EXPECT_EQ(
      names(try_exact(distinct(DType::kF32, {2, 3, 4}))),
      (std::set<std::string>{"one_off", "all_off", "tail_unwritten", "tail_zero", "all_unwritten",
                             "all_zero", "last_row_unwritten", "last_row_zero", "one_unwritten",
                             "one_infinite", "rows_swapped", "neighbour_on_axis_0",
                             "neighbour_on_axis_1", "neighbour_on_axis_2", "shifted_by_one"}));
}

TEST(GeneralSpoils, WhatNobodyCouldTellIsNotShown) {
  HostTensor zeros(DType::kF32, {3, 4});
  EXPECT_EQ(names(try_exact(zeros)),
            (std::set<std::string>{"one_off", "all_off", "tail_unwritten", "all_unwritten",
                                   "last_row_unwritten", "one_unwritten", "one_infinite"}));
  // One element: no row, no neighbour, nothing to shift.
  EXPECT_EQ(try_exact(distinct(DType::kI32, {1})).shown, 9);
  EXPECT_EQ(try_exact(HostTensor(DType::kF32, {0})).shown, 0);
}

TEST(GeneralSpoils, DamageNoMoreThanTheySay) {
  const HostTensor correct = distinct(DType::kF32, {4, 100});
  const Least least = least_noticed(correct, noticeable(DType::kF32));
  for (const TensorSpoil& spoil : general_spoils(correct, least)) {
    HostTensor spoiled = correct;
    spoil.apply(spoiled);
    std::size_t changed = 0;
    double most = 0.0;
    for (std::size_t i = 0; i < correct.count(); ++i) {
      if (spoiled.get(i) == correct.get(i)) continue;
      ++changed;
      most = std::max(most, std::abs(spoiled.get(i) - correct.get(i)));
    }
    if (spoil.name == "one_off") {
      EXPECT_EQ(changed, 1u);
      EXPECT_GE(most, least.of_one);
      EXPECT_LT(most, 1.1 * least.of_one);
    }
    if (spoil.name == "all_off") {
      EXPECT_EQ(changed, correct.count());
      EXPECT_LT(most, 1.1 * least.of_all);
      EXPECT_LT(most, least.of_one) << "no element alone gives it away";
    }
    if (spoil.name == "tail_zero") {
      EXPECT_EQ(changed, 32u);
    }
    if (spoil.name == "last_row_zero") {
      EXPECT_EQ(changed, 100u);
    }
    if (spoil.name == "one_unwritten") {
      EXPECT_EQ(changed, 1u);
    }
  }
}

TEST(LooseComparison, OfTooLargeAToleranceIsFoundOut) {
  const HostTensor correct = distinct(DType::kF32, {2, 8});
  Truth truth = truth_of({correct});
  truth.outputs[0].same_dtype_max_error = truth.outputs[0].same_dtype_rms_error = 1.0;
  const SpoilReport report = try_general_spoils(
      correct, noticeable(DType::kF32),
      [&](const HostTensor& found) { return compare_three_way({found}, truth, 1); });
  EXPECT_FALSE(report.trusted());
  EXPECT_LT(report.refused, report.shown);
  EXPECT_NE(report.accepted.find("one_off"), std::string::npos) << report.accepted;
  EXPECT_NE(report.accepted.find("% of tolerance"), std::string::npos) << report.accepted;
}

TEST(LooseComparison, ThatNaNSlipsThroughIsFoundOut) {
  const HostTensor correct = distinct(DType::kF16, {2, 8});
  const SpoilReport report = try_general_spoils(correct, 0.0, [&](const HostTensor& found) {
    bool wrong = false;  // `difference > tolerance` is false for NaN
    for (std::size_t i = 0; i < found.count(); ++i) {
      wrong = wrong || std::abs(found.get(i) - correct.get(i)) > 0.0;
    }
    return verdict(!wrong);
  });
  EXPECT_NE(report.accepted.find("unwritten"), std::string::npos) << report.accepted;
  EXPECT_EQ(report.shown - report.refused, 4);  // all, tail, last row, one: never written
}

TEST(LooseComparison, ByTheLargestErrorAloneIsFoundOut) {
  const HostTensor correct = distinct(DType::kBF16, {2, 32});
  const double least = noticeable(DType::kBF16);
  const double limit = 0.999 * least_noticed(correct, least).of_one;
  const SpoilReport report = try_general_spoils(correct, least, [&](const HostTensor& found) {
    return verdict(error_between(found.values(), correct.values()).max_abs <= limit);
  });
  EXPECT_NE(report.accepted.find("all_off"), std::string::npos) << report.accepted;
  EXPECT_EQ(report.shown - report.refused, 1);
}

TEST(LooseComparison, OfSumsIsFoundOut) {
  const HostTensor correct = distinct(DType::kI32, {4, 6});
  const auto sum = [](const HostTensor& t) {
    const std::vector<double> values = t.values();
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  const SpoilReport report = try_general_spoils(
      correct, 0.0, [&](const HostTensor& found) { return verdict(sum(found) == sum(correct)); });
  EXPECT_NE(report.accepted.find("rows_swapped"), std::string::npos) << report.accepted;
}

TEST(LooseComparison, OfTheFirstOutputAloneIsFoundOut) {
  const HostTensor a = distinct(DType::kU8, {3, 4});
  const HostTensor b = distinct(DType::kF16, {3, 2});
  const Truth truth = truth_of({a});
  SpoilTrial trial({a, b}, {Least{}, Least{}}, [&](const std::vector<HostTensor>& found) {
    return compare_exact({found[0]}, truth);
  });
  trial.show_general();
  EXPECT_NE(trial.report().accepted.find("[1]"), std::string::npos) << trial.report().accepted;
  for (const std::string& name : trial.report().names) {
    EXPECT_TRUE(name.ends_with("[0]") || name.ends_with("[1]")) << name;
  }
}

TEST(Comparison, ThatRefusesTheTruthIsNotTrusted) {
  const SpoilReport report = try_general_spoils(distinct(DType::kF32, {2, 2}), 0.0,
                                                [](const HostTensor&) { return verdict(false); });
  EXPECT_EQ(report.refused, report.shown);
  EXPECT_FALSE(report.trusted());
  EXPECT_NE(report.accepted.find("the truth itself is refused"), std::string::npos);
}

TEST(SpoilTrial, ShowsOnlyWhatSomebodyWouldNotice) {
  HostTensor correct(DType::kF32, {2});
  correct.set(0, 1.0);
  correct.set(1, 100.0);
  int comparisons = 0;
  SpoilTrial trial({correct}, {least_noticed(correct, 0.01)}, [&](const std::vector<HostTensor>&) {
    return verdict(++comparisons == 1);  // accepts the truth, nothing else
  });
  HostTensor spoiled = correct;
  spoiled.set(0, 1.5);
  trial.show("below", {spoiled});
  EXPECT_EQ(trial.report().shown, 0) << "1 % of the largest element is 1";
  spoiled.set(0, 2.1);
  trial.show("above", {spoiled});
  spoiled.set(0, std::numeric_limits<double>::quiet_NaN());
  trial.show("nan", {spoiled});
  EXPECT_EQ(trial.report().names, (std::vector<std::string>{"above", "nan"}));
  EXPECT_EQ(trial.report().refused, 2);
  EXPECT_EQ(comparisons, 3);
}

TEST(SpoilTrial, ShowsCopiesOfInputsThatFit) {
  const HostTensor correct = distinct(DType::kF32, {2, 3});
  const Truth truth = truth_of({correct});
  SpoilTrial trial({correct}, {Least{}}, [&](const std::vector<HostTensor>& found) {
    return compare_exact(found, truth);
  });
  trial.show_copied("same", correct);                                // an op that moves nothing
  trial.show_copied("other_type", HostTensor(DType::kI32, {2, 3}));  //
  trial.show_copied("other_size", HostTensor(DType::kF32, {2, 2}));  //
  trial.show_copied("other_shape", HostTensor(DType::kF32, {6}));    // the same number of bytes
  EXPECT_EQ(trial.report().names, (std::vector<std::string>{"other_shape"}));
  EXPECT_EQ(trial.report().refused, 1);
}

TEST(SpoilTrial, ShowsFewOfALargeShape) {
  const HostTensor correct = distinct(DType::kF32, {8, 64});
  const Truth truth = truth_of({correct});
  SpoilTrial trial({correct}, {Least{}}, [&](const std::vector<HostTensor>& found) {
    return compare_exact(found, truth);
  });
  trial.show_general(/*few=*/true);
  EXPECT_EQ(trial.report().names, (std::vector<std::string>{"one_off", "tail_unwritten"}));
}

TEST(Summary, CountsSpoilsOncePerCaseAndMistrustedCases) {
  Report report;
  const auto add = [&](const char* version, const char* status, int killed, int total) {
    reports::Row row;
    row.set("suite", "kernel").set("op", "rope").set("case_id", "rope/fp32/x");
    row.set("version", version).set("status", status);
    if (total > 0) row.set("mutants_killed", killed).set("mutants_total", total);
    report.add(row);
  };
  add("v1", "SKIP", 0, 0);
  add("v2", "MISTRUSTED", 16, 17);
  add("v3", "MISTRUSTED", 16, 17);
  const std::string summary = report.summary();
  EXPECT_NE(summary.find("mistrusted"), std::string::npos) << summary;
  EXPECT_NE(summary.find(" 16/17 "), std::string::npos) << summary;
}

}  // namespace
}  // namespace assay::suites
