#include "reports/throttle.h"

#include <algorithm>
#include <sstream>

namespace assay::reports {

Throttle throttle_of(std::string_view reason) {
  if (reason == "applications_clocks" || reason == "display_clocks" || reason == "sync_boost")
    return Throttle::kSet;
  return reason == "power_cap" ? Throttle::kLimit : Throttle::kFault;
}

std::vector<std::string> throttle_reasons(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::vector<std::string> reasons;
  for (std::string word; words >> word;)
    if (word != "none") reasons.push_back(word);
  return reasons;
}

bool spoils_times(std::string_view text) {
  return std::ranges::any_of(throttle_reasons(text), [](const std::string& reason) {
    return throttle_of(reason) == Throttle::kFault;
  });
}

}  // namespace assay::reports
