#include "suites/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace assay::suites {
namespace {

constexpr int DECADES = 3;     // of the picture, on either side of the limit
constexpr int PER_DECADE = 6;  // characters
constexpr std::size_t MOST_LINES = 40;

std::string percent(double ratio) {
  if (!std::isfinite(ratio)) return std::isnan(ratio) ? "NaN" : "inf";
  return ratio < 10.0 ? fmt::format("{:.1f} %", ratio * 100.0) : fmt::format("{:.3g} x", ratio);
}

// "#########|####    ": the bar of log10(error / tolerance), the limit in the middle.
std::string bar(double ratio) {
  constexpr int HALF = DECADES * PER_DECADE;
  int length = 2 * HALF;
  if (std::isfinite(ratio)) {
    const double decades = ratio > 0.0 ? std::log10(ratio) : -DECADES;
    length = static_cast<int>(std::lround((decades + DECADES) * PER_DECADE));
    length = std::clamp(length, 0, 2 * HALF);
    // A bar touches the limit only when it is over it.
    length = ratio > 1.0 ? std::max(length, HALF + 1) : std::min(length, HALF);
  }
  std::string text;
  for (int i = 0; i < 2 * HALF; ++i) {
    if (i == HALF) text += '|';
    text += i < length ? '#' : ' ';
  }
  return text;
}

double worse(double a, double b) { return std::isnan(a) || a > b ? a : b; }

// One line of the picture: a tap, or all of a layer's.
struct Line {
  std::string name;
  double accumulated = 0.0;
  double local = 0.0;
  bool failed = false;
  bool first = false;
};

std::string layer_prefix(const std::string& tap) {
  return tap.starts_with("layer.") ? tap.substr(0, tap.find('.', 6)) : tap;
}

std::vector<Line> lines_of(const Trace& trace, const TapTrace& first) {
  std::size_t taps = 0;
  for (const TapTrace& tap : trace.taps) taps += tap.step == first.step ? 1 : 0;
  const bool compact = taps > MOST_LINES;
  std::vector<Line> lines;
  for (const TapTrace& tap : trace.taps) {
    if (tap.step != first.step) continue;
    const std::string layer = layer_prefix(tap.name);
    const bool own_line = !compact || layer == tap.name || layer == layer_prefix(first.name);
    const std::string name = own_line ? tap.name : layer + ".*";
    if (lines.empty() || lines.back().name != name) lines.push_back({name});
    Line& line = lines.back();
    line.accumulated = worse(tap.accumulated.ratio, line.accumulated);
    line.local = worse(tap.local.ratio, line.local);
    line.failed = line.failed || !tap.in_bound();
    line.first = line.first || &tap == &first;
  }
  return lines;
}

std::string verdict_on_birth(const Trace& trace, const TapTrace& first) {
  if (first.found_local.bytes.empty())
    return "born here or carried here: that run did not come so far";
  if (!first.local.pass) return "born here: fed the reference's input, it is wrong as well";
  const TapTrace* local = trace.first_local();
  if (local == nullptr) {
    return "carried here: fed the reference's input, every op stays within its bound, so the error "
           "built up over the ops before, or came through the KV cache";
  }
  return fmt::format("carried here; the first wrong local error is that of {}, step {} ({})",
                     local->name, local->step, names_of(local->launched));
}

}  // namespace

std::string names_of(const std::vector<Launched>& launched) {
  std::string text;
  for (const Launched& one : launched) {
    text += (text.empty() ? "" : ", ") + one.op + " " + one.version;
  }
  return text.empty() ? "nothing" : text;
}

std::string first_divergence(const Trace& trace) {
  if (!trace.problem.empty()) return "first divergence: " + trace.problem;
  const TapTrace* first = trace.first();
  if (first == nullptr) {
    return "no tap is out of bound when run with taps: direct launches, no memory shared between "
           "activations. Look at graph replay and at the lifetimes of activations";
  }
  return fmt::format(
      "first divergence: {}, step {}, made by {}; accumulated error {} of tolerance, local {}",
      first->name, first->step, names_of(first->launched), percent(first->accumulated.ratio),
      percent(first->local.ratio));
}

std::string describe_divergence(const Trace& trace) {
  std::string text = first_divergence(trace) + "\n";
  const TapTrace* first = trace.first();
  if (first == nullptr) return text;
  text += "  " + verdict_on_birth(trace, *first) + "\n";
  text += "  accumulated: " + first->accumulated.describe() + "\n";
  text += "  local:       " + first->local.describe() + "\n";

  double before = 0.0;
  for (const TapTrace& tap : trace.taps) {
    if (tap.step < first->step) before = worse(tap.accumulated.ratio, before);
  }
  if (first->step > 0) {
    text += fmt::format("  steps 0 to {}: within bounds, at most {} of tolerance\n",
                        first->step - 1, percent(before));
  }
  text += fmt::format("  {:<30} {:^{}} {:>11} {:>11}\n", "tap",
                      "error / tolerance, 0.001 to 1000, | is 1", 2 * DECADES * PER_DECADE + 1,
                      "accumulated", "local");
  for (const Line& line : lines_of(trace, *first)) {
    text += fmt::format("  {:<30} {} {:>11} {:>11}{}\n", line.name, bar(line.accumulated),
                        percent(line.accumulated), percent(line.local),
                        line.first    ? "  <== first out of bound"
                        : line.failed ? "  out of bound"
                                      : "");
  }
  return text;
}

}  // namespace assay::suites
