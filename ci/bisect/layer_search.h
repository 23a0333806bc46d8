// The tap at which something leaves its bound, and the version that makes it do so.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "ci/bisect/layer_trace.h"
#include "ci/bisect/result.h"

namespace assay::bisect {

struct LayerStep {
  std::string what;     ///< "as asked", or the version that was taken away
  std::string kernels;  ///< Of the judged side; empty: as asked.
  bool heals = false;   ///< The culprit tap is within its bound.
  std::string detail;
};

struct LayerFinding {
  Outcome outcome = Outcome::kUnclear;
  std::string headline;
  LayerTrace trace;  ///< As asked.
  std::vector<LayerStep> steps;
  std::vector<MadeBy> blamed;        ///< One where it could be told, several where one of them is.
  std::vector<std::string> weights;  ///< That differ so that taps leave their bound.
  std::vector<std::string> notes;
};

class LayerSearch {
 public:
  /// Runs verify --layers: with the kernels that were asked for if `kernels` is empty.
  using Run = std::function<LayerTrace(const std::string& kernels)>;
  explicit LayerSearch(Run run) : run_(std::move(run)) {}

  std::function<void(const std::string& what)> starting;
  std::function<void(const LayerStep&)> done;

  /// Traces, then, where kernels are to blame, takes each suspect version away in turn: the next
  /// one of its op that supports the problem takes its place. The one without which the tap is
  /// within its bound is to blame.
  LayerFinding run();

 private:
  void blame_weights(LayerFinding& finding) const;
  void blame_kernels(LayerFinding& finding);
  LayerStep without(const LayerFinding& finding, const MadeBy& suspect);
  void finish(LayerFinding& finding, LayerStep step) const;

  Run run_;
};

/// "layer.3.attention.qkv, step 0"
std::string place_of(const TracedTap& tap);
/// "12.4 x" of the bound, "31.8 %"
std::string ratio_text(double ratio);

}  // namespace assay::bisect
