#include "suites/cost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::suites {
namespace {

// Seconds of guesses that what was seen has to outweigh.
constexpr double MACHINE_WEIGHT_S = 2.0;
constexpr double KIND_WEIGHT_S = 1.0;

}  // namespace

double CostModel::machine() const {
  return (all_.took_s + MACHINE_WEIGHT_S) / (all_.guess_s + MACHINE_WEIGHT_S);
}

double CostModel::expected_s(const std::string& kind, double guess_s) const {
  const auto found = by_kind_.find(kind);
  const Sums seen = found == by_kind_.end() ? Sums{} : found->second;
  return guess_s * (seen.took_s + KIND_WEIGHT_S * machine()) / (seen.guess_s + KIND_WEIGHT_S);
}

void CostModel::observe(const std::string& kind, double guess_s, double took_s) {
  for (Sums* sums : {&all_, &by_kind_[kind]}) {
    sums->guess_s += guess_s;
    sums->took_s += took_s;
  }
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace assay::suites
