#include "reports/html/ceilings.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace assay::reports {
namespace {

// Rows are rounded when they are written; a row is on a roof if it is this near.
constexpr double NEAR = 1e-6;

struct Limited {
  double gb_per_s;     // gb_per_s / roofline_frac
  double tflop_per_s;  // tflop_per_s / roofline_frac
};

DtypeCeilings derive(const std::vector<Limited>& rows) {
  DtypeCeilings found;
  double bandwidth = 0;
  double peak = 0;
  for (const Limited& row : rows) {
    bandwidth = std::max(bandwidth, row.gb_per_s);
    peak = std::max(peak, row.tflop_per_s);
  }
  // A roof is known by a row on it that is not on the other one.
  for (const Limited& row : rows) {
    const bool on_bandwidth = row.gb_per_s >= bandwidth * (1 - NEAR);
    const bool on_peak = peak > 0 && row.tflop_per_s >= peak * (1 - NEAR);
    if (on_bandwidth && !on_peak) found.gb_per_s = bandwidth;
    if (on_peak && !on_bandwidth) found.tflop_per_s = peak;
  }
  return found;
}

}  // namespace

std::vector<DtypeCeilings> find_ceilings(std::span<const Row> rows) {
  struct Measured {
    double gb_per_s = 0;
    std::map<std::string, double> tflop_per_s;  // by dtype
    std::set<std::string> dtypes;               // of rows that have a share of the limit
  };
  std::map<std::string, Measured> runs;
  for (const Row& row : rows) {
    if (row.text("suite") != "ceiling") continue;
    Measured& run = runs[row.text("run_id")];
    if (!row.has("dtype")) run.gb_per_s = std::max(run.gb_per_s, row.real("gb_per_s").value_or(0));
    if (!row.has("dtype")) continue;
    double& peak = run.tflop_per_s[row.text("dtype")];
    peak = std::max(peak, row.real("tflop_per_s").value_or(0));
  }
  std::vector<Row> others;
  for (const Row& row : rows) {
    const auto run = runs.find(row.text("run_id"));
    if (run == runs.end()) {
      others.push_back(row);
    } else if (row.has("roofline_frac")) {
      run->second.dtypes.insert(row.text("dtype"));
    }
  }
  std::vector<DtypeCeilings> all = derive_ceilings(others);
  for (const auto& [run_id, run] : runs) {
    for (const std::string& dtype : run.dtypes) {
      DtypeCeilings found{run_id, dtype, {}, {}};
      if (run.gb_per_s > 0) found.gb_per_s = run.gb_per_s;
      const auto peak = run.tflop_per_s.find(dtype);
      if (peak != run.tflop_per_s.end() && peak->second > 0) found.tflop_per_s = peak->second;
      if (found.gb_per_s || found.tflop_per_s) all.push_back(std::move(found));
    }
  }
  return all;
}

std::vector<DtypeCeilings> derive_ceilings(std::span<const Row> rows) {
  std::map<std::pair<std::string, std::string>, std::vector<Limited>> groups;
  for (const Row& row : rows) {
    const double share = row.real("roofline_frac").value_or(0);
    const double gb_per_s = row.real("gb_per_s").value_or(0);
    if (share <= 0 || gb_per_s <= 0) continue;
    const double tflop_per_s = row.real("tflop_per_s").value_or(0);
    groups[{row.text("run_id"), row.text("dtype")}].push_back(
        {gb_per_s / share, tflop_per_s / share});
  }
  std::vector<DtypeCeilings> all;
  for (const auto& [key, limited] : groups) {
    DtypeCeilings found = derive(limited);
    if (!found.gb_per_s && !found.tflop_per_s) continue;
    found.run_id = key.first;
    found.dtype = key.second;
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace assay::reports
