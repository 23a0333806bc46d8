#include "suites/measure.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "kernels/device/blas.h"
#include "kernels/device/buffer.h"
#include "kernels/device/properties.h"
#include "reports/statistics.h"
#include "suites/host_tensor.h"

namespace assay::suites {

std::vector<double> time_graph(const Stream& stream, const std::vector<std::function<void()>>& sets,
                               const SamplingPlan& plan) {
  const auto run_all = [&] {
    for (const auto& launch : sets) launch();
  };
  run_all();  // libraries set themselves up before anything is recorded
  stream.synchronize();
  const Graph graph(stream, run_all);
  for (int i = 0; i < 3; ++i) graph.replay(stream);
  Event start;
  Event stop;
  return collect(
      [&] {
        start.record(stream);
        graph.replay(stream);
        stop.record(stream);
        stream.synchronize();
        return stop.elapsed_us_since(start) / static_cast<double>(sets.size());
      },
      plan);
}

Ceilings ceilings(DType dtype, const Stream& stream) {
  static std::map<DType, Ceilings> known;
  if (properties().kind != DeviceKind::kCuda) return {};
  if (const auto found = known.find(dtype); found != known.end()) return found->second;

  constexpr std::size_t COPY_BYTES = std::size_t{2} << 30;
  constexpr int N = 8192;
  Ceilings measured;
  const SamplingPlan plan;
  {
    DeviceBuffer<char> from(COPY_BYTES, "ceiling: copy source");
    DeviceBuffer<char> to(COPY_BYTES, "ceiling: copy target");
    // Not as a graph: there the driver gives a copy to its copy engines, which are slower.
    Event start;
    Event stop;
    const std::vector<double> times = collect(
        [&] {
          start.record(stream);
          copy_on_device(to.data(), from.data(), COPY_BYTES, stream);
          stop.record(stream);
          return stop.elapsed_us_since(start);
        },
        plan);
    measured.bytes_per_s = 2.0 * COPY_BYTES / (reports::summarize(times).median_us * 1e-6);
  }
  {
    // Random operands: a product of zeros runs faster than one of numbers.
    Random random(1);
    HostTensor host(dtype, {N, N});
    normal(0.0, 1.0)(host, random);
    const DeviceBuffer<unsigned char> x(host.bytes, stream, "ceiling: x");
    const DeviceBuffer<unsigned char> w(host.bytes, stream, "ceiling: w");
    DeviceBuffer<unsigned char> y(host.bytes.size(), "ceiling: y");
    const std::vector<double> times = time_graph(
        stream, {[&] { gemm_nt(y.data(), x.data(), w.data(), nullptr, N, N, N, dtype, stream); }},
        plan);
    measured.flops_per_s = 2.0 * N * N * N / (reports::summarize(times).median_us * 1e-6);
  }
  known[dtype] = measured;
  return measured;
}

void describe_times(reports::Row& row, const std::vector<double>& samples_us,
                    const Ceilings& ceilings) {
  reports::set_times(row, reports::summarize(samples_us));
  reports::set_rates(row);
  const Conditions now = read_conditions();
  row.set("sm_mhz", now.sm_mhz).set("mem_mhz", now.mem_mhz).set("temp_c", now.temp_c);
  row.set("power_w", now.power_w).set("throttle", now.throttle);
  if (ceilings.bytes_per_s <= 0.0) return;
  // The least time that the bytes and the operations need; the larger is the limit.
  const double bytes_s = row.real("bytes").value_or(0.0) / ceilings.bytes_per_s;
  const double flops_s = row.real("flops").value_or(0.0) / ceilings.flops_per_s;
  const double median_s = row.real("t_median_us").value_or(0.0) * 1e-6;
  if (median_s > 0.0) row.set("roofline_frac", std::max(bytes_s, flops_s) / median_s);
}

}  // namespace assay::suites
