#include "ci/bisect/layer_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "ci/bisect/kernel_difference.h"

namespace assay::bisect {
namespace {

std::string listed(const std::vector<MadeBy>& made_by) {
  std::string text;
  for (const MadeBy& one : made_by) {
    text += (text.empty() ? "" : ", ") + one.op + " " + one.version;
  }
  return text.empty() ? "no op" : text;
}

bool in_bound(const LayerTrace& trace, const LayerTrace& asked) {
  const std::size_t i = *asked.culprit;
  if (i >= trace.to().taps.size()) return false;
  const TracedTap& tap = trace.to().taps[i];
  return asked.local ? tap.local && tap.local->in_bound : tap.accumulated.in_bound;
}

std::string error_text(const TracedTap& tap) {
  return fmt::format("local {}, accumulated {} of the bound",
                     tap.local ? ratio_text(tap.local->ratio) : "not known",
                     ratio_text(tap.accumulated.ratio));
}

}  // namespace

std::string place_of(const TracedTap& tap) {
  return fmt::format("{}, step {}", tap.name, tap.step);
}

std::string ratio_text(double ratio) {
  if (std::isnan(ratio)) return "NaN";
  if (std::isinf(ratio)) return "inf";
  return ratio < 10 ? fmt::format("{:.1f} %", ratio * 100) : fmt::format("{:.3g} x", ratio);
}

void LayerSearch::finish(LayerFinding& finding, LayerStep step) const {
  if (done) done(step);
  finding.steps.push_back(std::move(step));
}

LayerFinding LayerSearch::run() {
  LayerFinding finding;
  if (starting) starting("as asked");
  finding.trace = run_("");
  const LayerTrace& trace = finding.trace;
  LayerStep asked{"as asked", "", !trace.culprit, ""};
  const TracedSide* stopped = nullptr;
  for (const TracedSide& side : trace.sides) {
    if (!side.problem.empty() && !stopped) stopped = &side;
  }
  if (stopped) {
    asked.heals = false;
    asked.detail = stopped->problem;
    finish(finding, std::move(asked));
    const bool of_to = stopped == &trace.to();
    finding.outcome = of_to ? Outcome::kFound : Outcome::kNotReproducible;
    finding.headline =
        of_to ? stopped->problem : "the side that should be right: " + stopped->problem;
    return finding;
  }
  if (!trace.culprit) {
    asked.detail = fmt::format("all {} taps within their bounds", trace.to().taps.size());
    finish(finding, std::move(asked));
    finding.outcome = Outcome::kNotReproducible;
    finding.headline = "every tap is within its bound";
    return finding;
  }
  const TracedTap& tap = trace.to().taps[*trace.culprit];
  asked.detail = fmt::format("{}: {}", place_of(tap), error_text(tap));
  finish(finding, std::move(asked));
  if (trace.from() && trace.from()->checkpoint != trace.to().checkpoint) {
    blame_weights(finding);
  } else {
    blame_kernels(finding);
  }
  return finding;
}

void LayerSearch::blame_weights(LayerFinding& finding) const {
  const LayerTrace& trace = finding.trace;
  const TracedTap& first = trace.to().taps[*trace.culprit];
  if (!trace.local) {
    finding.outcome = Outcome::kUnclear;
    finding.headline = fmt::format(
        "{} is the first tap out of bound, and no op is by itself: differences of several weights "
        "add up",
        place_of(first));
    return;
  }
  std::vector<std::string> layers;
  std::set<std::string> seen;
  for (const std::size_t i : born_errors(trace)) {
    const std::string& tap = trace.to().taps[i].name;
    if (!seen.insert(tap).second) continue;
    if (std::ranges::find(layers, layer_of(tap)) == layers.end()) layers.push_back(layer_of(tap));
    for (const std::string& weight : weights_of(tap)) finding.weights.push_back(weight);
  }
  std::string names;
  for (const std::string& layer : layers) names += (names.empty() ? "" : ", ") + layer;
  finding.outcome = Outcome::kFound;
  finding.headline = fmt::format(
      "{}: {} tap{} by itself out of the bound that rounding explains, the first "
      "one {} ({})",
      names, seen.size(), seen.size() == 1 ? " is" : "s are each", first.name,
      ratio_text(first.local->ratio));
  finding.notes.push_back(
      "each op was fed what the first checkpoint's model has before it, so what is out of bound "
      "comes "
      "from the weights that the op reads; the first checkpoint's own engine is within bound "
      "there");
}

LayerStep LayerSearch::without(const LayerFinding& finding, const MadeBy& suspect) {
  const LayerTrace& asked = finding.trace;
  LayerStep step{fmt::format("without {} {}", suspect.op, suspect.version), "", false, ""};
  Orders orders = orders_of(asked.to().kernels);
  std::vector<std::string>& order = orders[suspect.op];
  // What the set allows, then what it does not, as it is only for a look.
  const Orders all = orders_of("best");
  for (const std::string& version : all.at(suspect.op)) {
    if (std::ranges::find(order, version) == order.end()) order.push_back(version);
  }
  std::erase(order, suspect.version);
  if (order.empty()) {
    step.detail = "there is no other version";
    return step;
  }
  step.kernels = spec_of(orders);
  if (starting) starting(step.what);
  const LayerTrace trace = run_(step.kernels);
  if (!trace.to().problem.empty()) {
    step.detail = trace.to().problem;
    return step;
  }
  step.heals = in_bound(trace, asked);
  const TracedTap& tap = trace.to().taps.at(*asked.culprit);
  std::string instead;
  for (const MadeBy& one : tap.made_by) {
    if (one.op == suspect.op) instead = one.version;
  }
  step.detail = fmt::format("with {}: {}", instead, error_text(tap));
  return step;
}

void LayerSearch::blame_kernels(LayerFinding& finding) {
  const LayerTrace& trace = finding.trace;
  const TracedTap& tap = trace.to().taps[*trace.culprit];
  const std::vector<MadeBy> all = suspects(trace);
  std::vector<MadeBy> healing;
  std::size_t alternatives = 0;
  for (const MadeBy& suspect : all) {
    LayerStep step = without(finding, suspect);
    if (!step.kernels.empty()) ++alternatives;
    if (step.heals) healing.push_back(suspect);
    finish(finding, std::move(step));
  }
  const std::string born = trace.local ? "is wrong by itself" : "is the first out of bound";
  finding.outcome = Outcome::kFound;
  if (healing.size() == 1) {
    finding.blamed = healing;
    finding.headline = fmt::format("{} {}: {}; with another version it is within its bound",
                                   place_of(tap), born, listed(healing));
  } else if (trace.local && all.size() == 1) {
    finding.blamed = all;
    finding.headline = fmt::format("{} {}: {}", place_of(tap), born, listed(all));
    if (alternatives > 0) {
      finding.notes.push_back(
          "another version does not mend it: look at what the op is given, at what "
          "its versions share, and at the reference");
    }
  } else {
    finding.blamed = healing.empty() ? all : healing;
    finding.outcome = Outcome::kUnclear;
    finding.headline = fmt::format("{} {}; among {} it could not be told which", place_of(tap),
                                   born, listed(finding.blamed));
  }
  if (!trace.local) {
    finding.notes.push_back(
        "fed what the reference has, every op is within its bound: the error builds up over the "
        "ops "
        "before. bisect versions --metric error finds the versions that add to it");
  }
}

}  // namespace assay::bisect
