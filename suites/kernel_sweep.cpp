#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "kernels/device/properties.h"
#include "suites/case_limits.h"
#include "suites/interrupt.h"
#include "suites/kernel_run.h"
#include "suites/rows.h"
#include "suites/sweeps.h"
#include "suites/time_versions.h"

namespace assay::suites {
namespace {

// Checks a version, once for all of its rows.
class Checks {
 public:
  Checks(const Case& c, std::uint64_t seed, const ResourceTable* resources, const Stream& stream)
      : prepared_(c, seed), resources_(resources), stream_(&stream) {}

  const PreparedCase& prepared() const { return prepared_; }
  const Outcome& operator()(const SweepRow& row) {
    const auto found = outcomes_.find(row.version);
    if (found != outcomes_.end()) return found->second;
    Outcome& outcome =
        outcomes_.emplace(row.version, prepared_.check_once(row.version, *stream_)).first->second;
    add_compiled_work(outcome, resources_);
    if (outcome.status != Status::kPass) fmt::print(stderr, "{}: {}\n", row.name, outcome.reason);
    return outcome;
  }

 private:
  PreparedCase prepared_;
  const ResourceTable* resources_;
  const Stream* stream_;
  std::map<std::size_t, Outcome> outcomes_;  // by version
};

// The rows' versions, checked and timed: an answer for each, in their order.
std::vector<Measured> measure_case(const Case& c, const std::vector<SweepRow>& rows,
                                   std::uint64_t seed, const ResourceTable* resources) {
  const Stream stream;
  std::optional<Checks> checks;  // once a version supports the problem
  std::vector<Measured> all;
  for (const SweepRow& chosen : rows) {
    stop_if_interrupted();
    all.push_back({chosen.identity, {}});
    reports::Row& row = all.back().row;
    const std::string reason = c.unsupported(chosen.version);
    if (!reason.empty()) {
      row.set("status", "SKIP").set("reason", reason);
      continue;
    }
    if (!checks) checks.emplace(c, seed, resources, stream);
    describe_outcome(row, (*checks)(chosen));
  }
  bool first = true;
  for (const CacheMode& mode : cache_modes(c)) {
    std::vector<VersionRow> versions;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < all.size(); ++i) {
      // What is not right has no speed.
      if (all[i].row.text("status") != "PASS" || all[i].row.text("cache") != mode.name) continue;
      versions.push_back({rows[i].version, &all[i].row, {}});
      places.push_back(i);
    }
    stop_if_interrupted();
    if (versions.empty()) continue;
    // Energy takes longer than the times: once for each version.
    time_versions(c, checks->prepared().device_inputs(stream), mode, versions, seed, first, stream);
    first = false;
    for (std::size_t i = 0; i < places.size(); ++i) {
      all[places[i]].samples_us = std::move(versions[i].samples_us);
    }
  }
  return all;
}

// Guesses, for an element of an input, which is drawn and uploaded, and of an output, which is
// compared in float64: seconds of one core where all share the work, and of the only one otherwise.
// A version's check copies both back.
constexpr double INPUT_CORE_S = 25e-9;
constexpr double INPUT_S = 2e-9;
constexpr double OUTPUT_CORE_S = 12e-9;
constexpr double OUTPUT_S = 7e-9;
constexpr double CASE_S = 0.05;
constexpr double ROW_S = 0.12;
// How often a version runs for its check and its samples, and how fast a slow one is.
constexpr double RUNS = 30.0;
constexpr double BYTES_PER_S = 0.5e12;
constexpr double FLOPS_PER_S = 10e12;
constexpr double EMULATED_ELEMENT_S = 10e-9;  // and for each operation

Cost cost_of(const Case& c) {
  double inputs = 0.0;
  double outputs = 0.0;
  for (const Operand& operand : c.operands) {
    const double elements = element_count(operand);
    if (is_input(operand)) inputs += elements;
    if (is_output(operand)) outputs += elements;
  }
  const double cores = std::max(1U, std::thread::hardware_concurrency());
  const double of_outputs = (OUTPUT_CORE_S / cores + OUTPUT_S) * outputs;
  const double run_s = properties().kind == DeviceKind::kEmulated
                           ? EMULATED_ELEMENT_S * (inputs + outputs + c.flops)
                           : std::max(c.bytes / BYTES_PER_S, c.flops / FLOPS_PER_S);
  Cost cost;
  cost.prepare_s = CASE_S + (INPUT_CORE_S / cores + INPUT_S) * inputs + of_outputs;
  cost.row_s = ROW_S + INPUT_S * inputs + of_outputs + RUNS * run_s;
  return cost;
}

}  // namespace

SweepCase kernel_case(Case c, std::uint64_t seed, std::shared_ptr<const ResourceTable> resources) {
  const auto shared = std::make_shared<const Case>(std::move(c));
  SweepCase all;
  all.name = shared->op + "/" + shared->id();
  all.kind = shared->op;
  const std::string large = too_large(*shared, device_limits());
  all.cost = cost_of(*shared);
  const std::vector<CacheMode> modes = cache_modes(*shared);
  for (std::size_t version = 0; version < shared->versions.size(); ++version) {
    for (const CacheMode& mode : modes) {
      // The one that a version has anyway goes by its name alone.
      const bool another = &mode != &modes.front();
      const std::string name = shared->versions[version] + (another ? "/" + mode.name : "");
      SweepRow row{all.name + "/" + name, version, common_row("kernel", seed),
                   large.empty() ? shared->unsupported(version) : large};
      describe_case(row.identity, *shared, version);
      row.identity.set("cache", mode.name).set("graph", true);
      row.identity.set("repro_cmd",
                       fmt::format("sweep --case '{}' --benchmark_filter='/{}/' --seed {}",
                                   all.name, name, seed));
      all.rows.push_back(std::move(row));
    }
  }
  all.measure = [shared, seed, resources](const std::vector<SweepRow>& chosen) {
    return measure_case(*shared, chosen, seed, resources.get());
  };
  return all;
}

}  // namespace assay::suites
