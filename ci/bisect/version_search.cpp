#include "ci/bisect/version_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace assay::bisect {

using nlohmann::json;

std::string_view name_of(Answer answer) {
  switch (answer) {
    case Answer::kGood:
      return "good";
    case Answer::kBad:
      return "bad";
    case Answer::kUnclear:
      return "unclear";
  }
  return "?";
}

json log_entry(const VersionStep& step, const json& measured) {
  return {{"kernels", step.kernels},
          {"what", step.what},
          {"wall_s", step.wall_s},
          {"measured", measured}};
}

void VersionSearch::remember(const json& step) {
  check_.judge(step.at("measured"));  // can be read
  earlier_[step.at("kernels").get<std::string>()] = {step.at("wall_s").get<double>(),
                                                     step.at("measured")};
}

json VersionSearch::measure(VersionStep& step) {
  if (starting) starting(step);
  const auto found = earlier_.find(step.kernels);
  if (found != earlier_.end()) {
    step.from_log = true;
    step.wall_s = found->second.wall_s;
    return found->second.measured;
  }
  const auto start = std::chrono::steady_clock::now();
  json measured = check_.measure(step.kernels);
  step.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return measured;
}

VersionStep VersionSearch::test(const std::string& what, const Orders& orders) {
  const std::string kernels = spec_of(orders);
  if (const auto found = known_.find(kernels); found != known_.end()) return found->second;
  VersionStep step{what, kernels, Answer::kUnclear, "", 0, false};
  const json measured = measure(step);
  const VersionCheck::Judged judged = check_.judge(measured);
  step.answer = judged.answer;
  step.detail = judged.detail;
  if (done) done(step, measured);
  steps_.push_back(step);
  known_[kernels] = step;
  return step;
}

Answer VersionSearch::test_pins(const std::vector<Pin>& pins) {
  return test(to_string(pins), difference_.with_pins(pins)).answer;
}

VersionFinding VersionSearch::run() {
  VersionFinding finding;
  VersionStep from{"--from", spec_of(difference_.from()), Answer::kUnclear, "", 0, false};
  VersionStep to{"--to", spec_of(difference_.to()), Answer::kUnclear, "", 0, false};
  const json of_from = measure(from);
  const json of_to = measure(to);
  const VersionCheck::Ends ends = check_.set_ends(of_from, of_to);
  from.answer = ends.from;
  to.answer = ends.to;
  from.detail = ends.outcome == Outcome::kFound ? check_.judge(of_from).detail : "";
  to.detail = ends.text;
  for (const auto& [step, measured] : {std::pair(&from, &of_from), std::pair(&to, &of_to)}) {
    if (done) done(*step, *measured);
    steps_.push_back(*step);
    known_[step->kernels] = *step;
  }
  finding.outcome = ends.outcome;
  finding.text = ends.text;
  if (ends.outcome == Outcome::kFound) minimize(finding);
  return finding;
}

void VersionSearch::minimize(VersionFinding& finding) {
  const std::vector<std::string>& ops = difference_.ops();
  Changes all(ops.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Minimum of_ops = ddmin(all, [&](const Changes& changes) {
    std::vector<Pin> whole;
    std::vector<Pin> shown;
    for (const std::size_t i : changes) {
      whole.push_back(difference_.whole(ops[i]));
      const std::vector<Pin> pins = difference_.pins(ops[i]);
      shown.insert(shown.end(), pins.begin(), pins.end());
    }
    return test(to_string(shown), difference_.with_pins(whole)).answer;
  });

  std::vector<Pin> pins;
  std::vector<Pin> whole;
  for (const std::size_t i : of_ops.changes) {
    const std::vector<Pin> of_op = difference_.pins(ops[i]);
    pins.insert(pins.end(), of_op.begin(), of_op.end());
    whole.push_back(difference_.whole(ops[i]));
  }
  // With all pins of an op, versions come behind that `to` does not allow: should that heal it, it
  // is the want of them that makes it bad, and the order is to blame as a whole.
  if (test_pins(pins) != Answer::kBad) pins = whole;
  Changes every(pins.size());
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = i;
  const auto chosen = [&](const Changes& changes) {
    std::vector<Pin> some;
    for (const std::size_t i : changes) some.push_back(pins[i]);
    return some;
  };
  const Minimum minimum =
      ddmin(every, [&](const Changes& changes) { return test_pins(chosen(changes)); });
  finding.pins = chosen(minimum.changes);
  finding.doubtful = chosen(minimum.doubtful);
  if (!finding.doubtful.empty()) finding.outcome = Outcome::kUnclear;

  const VersionStep rest =
      test("--to without " + to_string(finding.pins), difference_.without_pins(finding.pins));
  finding.rest = rest.answer;
  finding.rest_kernels = rest.kernels;
  finding.rest_detail = rest.detail;
}

}  // namespace assay::bisect
