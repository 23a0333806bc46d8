#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "kernels/device/properties.h"
#include "suites/case_limits.h"
#include "suites/interrupt.h"
#include "suites/kernel_run.h"
#include "suites/measure.h"
#include "suites/rows.h"
#include "suites/sweeps.h"

namespace assay::suites {
namespace {

constexpr std::size_t MAX_INPUT_SETS = 64;

std::size_t footprint_bytes(const Case& c, const std::vector<HostTensor>& tensors) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < c.operands.size(); ++i) bytes += tensors[i].bytes.size();
  return bytes;
}

// Enough copies of the operands that one round of them is twice the cache; one where there is no
// cache to speak of, as on the emulated device.
std::size_t input_sets(std::size_t footprint) {
  const std::size_t cache = properties().l2_bytes;
  return std::clamp<std::size_t>((2 * cache + footprint - 1) / footprint, 1, MAX_INPUT_SETS);
}

// Times a version that has passed its check.
std::vector<double> measure(reports::Row& row, const Case& c, std::size_t version,
                            const PreparedCase& prepared, const Stream& stream) {
  std::vector<std::unique_ptr<OperandBuffers>> buffers;
  std::vector<std::function<void()>> launches;
  const std::size_t sets = input_sets(footprint_bytes(c, prepared.inputs()));
  for (std::size_t i = 0; i < sets; ++i) {
    buffers.push_back(std::make_unique<OperandBuffers>(c, prepared.inputs(), 0, stream));
    launches.push_back([&c, version, &stream, pointers = buffers.back()->pointers()] {
      c.launch(version, pointers, stream);
    });
  }
  const std::uint64_t before = launch_count();
  launches[0]();
  row.set("launches", launch_count() - before);
  const std::vector<double> samples = time_graph(stream, launches, {});
  const bool floats = c.dtype != DType::kI32 && c.dtype != DType::kU8;
  describe_times(row, samples, ceilings(floats ? c.dtype : DType::kF16, stream));
  return samples;
}

// The rows' versions, checked and timed: an answer for each, in their order.
std::vector<Measured> measure_case(const Case& c, const std::vector<SweepRow>& rows,
                                   std::uint64_t seed) {
  const Stream stream;
  std::optional<PreparedCase> prepared;  // once a version supports the problem
  std::vector<Measured> all;
  for (const SweepRow& chosen : rows) {
    stop_if_interrupted();
    reports::Row row = chosen.identity;
    const std::string reason = c.unsupported(chosen.version);
    if (!reason.empty()) {
      row.set("status", "SKIP").set("reason", reason);
      all.push_back({row, {}});
      continue;
    }
    if (!prepared) prepared.emplace(c, seed);
    const Outcome outcome = prepared->check_once(chosen.version, stream);
    describe_outcome(row, outcome);
    std::vector<double> samples;
    if (outcome.status == Status::kPass) {
      samples = measure(row, c, chosen.version, *prepared, stream);
    } else {  // what is not right has no speed
      fmt::print(stderr, "{}: {}\n", chosen.name, outcome.reason);
    }
    all.push_back({row, samples});
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
    if (operand.role == Role::kInput || operand.role == Role::kInOut) inputs += elements;
    if (operand.role == Role::kOutput || operand.role == Role::kInOut) outputs += elements;
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

SweepCase kernel_case(Case c, std::uint64_t seed) {
  const auto shared = std::make_shared<const Case>(std::move(c));
  SweepCase all;
  all.name = shared->op + "/" + shared->id();
  all.kind = shared->op;
  const std::string large = too_large(*shared, device_limits());
  all.cost = cost_of(*shared);
  for (std::size_t version = 0; version < shared->versions.size(); ++version) {
    SweepRow row{all.name + "/" + shared->versions[version], version, common_row("kernel", seed),
                 large.empty() ? shared->unsupported(version) : large};
    describe_case(row.identity, *shared, version);
    row.identity.set("cache", properties().l2_bytes > 0 ? "cold" : "warm").set("graph", true);
    row.identity.set("repro_cmd",
                     fmt::format("sweep --case '{}' --benchmark_filter='/{}/' --seed {}", all.name,
                                 shared->versions[version], seed));
    all.rows.push_back(std::move(row));
  }
  all.measure = [shared, seed](const std::vector<SweepRow>& chosen) {
    return measure_case(*shared, chosen, seed);
  };
  return all;
}

}  // namespace assay::suites
