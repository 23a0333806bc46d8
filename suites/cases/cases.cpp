#include "suites/cases/cases.h"

namespace assay::suites {

std::vector<Case> all_cases(ShapeSet set) {
  std::vector<Case> chosen;
  for (auto* cases_of_op : {
           rms_norm_cases,
       }) {
    for (Case& c : cases_of_op()) {
      const bool wanted = set == ShapeSet::kSweep
                              ? c.set == ShapeSet::kSweep
                              : static_cast<int>(c.set) <= static_cast<int>(set);
      if (wanted) chosen.push_back(std::move(c));
    }
  }
  return chosen;
}

}  // namespace assay::suites
