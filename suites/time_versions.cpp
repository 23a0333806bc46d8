#include "suites/time_versions.h"

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "suites/measure.h"
#include "suites/peer_run.h"
#include "suites/torch_graph.h"

namespace assay::suites {
namespace {

// LibTorch's replay of the case, or none and the reason on stderr.
std::optional<Replay> replay_of_peer(const Case& c, const InputSets& sets, const Stream& stream) {
  if (!c.peer || times_only()) return std::nullopt;
  try {
    const auto peer = std::make_shared<PeerRun>(c, sets.pointers(), stream);
    return calibrate(stream, sets.pointers().size(),
                     [&](std::size_t passes) -> std::function<void()> {
                       peer->record(passes);
                       return [peer] { peer->replay(); };
                     });
  } catch (const Error& error) {
    fmt::print(stderr, "{}/{}: no time of LibTorch: {}\n", c.op, c.id(), error.what());
    return std::nullopt;
  }
}

}  // namespace

void time_versions(const Case& c, const DeviceInputs& inputs, const CacheMode& mode,
                   std::vector<VersionRow>& versions, std::uint64_t seed, bool with_energy,
                   const Stream& stream) {
  release_torch_memory();  // what the reference took: input sets may need it
  const InputSets sets(c, inputs, mode.sets, stream);
  std::vector<Replay> replays;
  for (VersionRow& chosen : versions) {
    std::vector<std::function<void()>> launches;
    for (const Pointers& pointers : sets.pointers()) {
      launches.push_back([&c, version = chosen.version, &stream, &pointers] {
        c.launch(version, pointers, stream);
      });
    }
    const std::uint64_t launched = launch_count();
    const std::uint64_t allocated = memory_stats().allocations;
    launches[0]();
    chosen.row->set("launches", launch_count() - launched);
    chosen.row->set("allocations", memory_stats().allocations - allocated);
    replays.push_back(record_graph(stream, launches));
  }
  const std::optional<Replay> peer = replay_of_peer(c, sets, stream);

  std::vector<Sampler> samplers;
  for (const Replay& replay : replays) samplers.push_back(sampler_of(stream, replay));
  if (peer) samplers.push_back(sampler_of(stream, *peer));
  Random order(seed_for(seed, c.op + "/" + c.id() + "/" + mode.name));
  const std::vector<Collected> collected =
      collect_interleaved(samplers, std::vector<SamplingPlan>(samplers.size()), order, Gauge{});

  const Ceilings limits = ceilings(c.dtype, stream);
  for (std::size_t i = 0; i < versions.size(); ++i) {
    reports::Row& row = *versions[i].row;
    versions[i].samples_us = collected[i].samples_us;
    describe_times(row, collected[i]);
    if (peer) describe_peer(row, collected.back());
    describe_roofline(row, limits);
    Gauge gauge;
    if (!with_energy || times_only()) gauge.energy_j = [] { return std::nullopt; };
    describe_load(row, load_of(stream, replays[i], gauge));
  }
}

}  // namespace assay::suites
