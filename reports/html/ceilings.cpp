#include "reports/html/ceilings.h"

#include <algorithm>
#include <map>
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
