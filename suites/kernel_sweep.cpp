#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "kernels/device/properties.h"
#include "suites/cases/cases.h"
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

// Cases are prepared once for all their versions, which are measured one after the other.
class LastCase {
 public:
  const PreparedCase& prepare(const Case& c, std::uint64_t seed) {
    if (!prepared_ || key_ != c.op + c.id()) {
      prepared_.reset();
      prepared_ = std::make_unique<PreparedCase>(c, seed);
      key_ = c.op + c.id();
    }
    return *prepared_;
  }

 private:
  std::unique_ptr<PreparedCase> prepared_;
  std::string key_;
};

std::vector<double> measure(reports::Row& row, const Case& c, std::size_t version,
                            std::uint64_t seed, const ResourceTable* resources, LastCase& last) {
  const std::string reason = c.unsupported(version);
  if (!reason.empty()) {
    row.set("status", "SKIP");
    return {};
  }
  const Stream stream;
  const PreparedCase& prepared = last.prepare(c, seed);
  Outcome outcome = prepared.check_once(version, stream);
  add_compiled_work(outcome, resources);
  describe_outcome(row, outcome);
  if (outcome.status != Status::kPass) {
    fmt::print(stderr, "{}/{} {}: {}\n", c.op, c.id(), c.versions[version], outcome.reason);
    return {};  // what is not right has no speed
  }

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
  describe_times(row, samples, ceilings(c.dtype, stream));
  return samples;
}

}  // namespace

void register_kernel_sweep(const SweepOptions& options, SweepReport& report) {
  const auto last = std::make_shared<LastCase>();
  const auto chosen = [](const auto& list, const auto& item) {
    return list.empty() || std::find(list.begin(), list.end(), item) != list.end();
  };
  for (Case& c : all_cases(options.common.set)) {
    if (!chosen(options.ops, c.op) || !chosen(options.dtypes, c.dtype)) continue;
    const auto shared = std::make_shared<Case>(std::move(c));
    for (std::size_t version = 0; version < shared->versions.size(); ++version) {
      SweepEntry entry;
      entry.name = fmt::format("{}/{}/{}", shared->op, shared->id(), shared->versions[version]);
      entry.identity = common_row("kernel", options.common.seed);
      describe_case(entry.identity, *shared, version);
      const std::size_t cached = properties().l2_bytes;
      entry.identity.set("cache", cached > 0 ? "cold" : "warm").set("graph", true);
      entry.identity.set(
          "repro_cmd", fmt::format("sweep --set {} --level kernel --ops {} --dtype {} --seed {} "
                                   "--benchmark_filter='{}'",
                                   name_of(options.common.set), shared->op,
                                   assay::name_of(shared->dtype), options.common.seed, entry.name));
      const std::uint64_t seed = options.common.seed;
      entry.measure = [shared, version, seed, last,
                       resources = options.common.resources](reports::Row& row) {
        return measure(row, *shared, version, seed, resources.get(), *last);
      };
      register_entry(std::move(entry), report);
    }
  }
}

}  // namespace assay::suites
