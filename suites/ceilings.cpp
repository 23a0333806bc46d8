#include "suites/ceilings.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

#include "kernels/device/bandwidth.h"
#include "kernels/device/blas.h"
#include "kernels/device/buffer.h"
#include "kernels/device/properties.h"
#include "suites/host_tensor.h"
#include "suites/measure.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

constexpr std::size_t READ_BYTES = std::size_t{4} << 30;
constexpr std::size_t COPY_BYTES = std::size_t{2} << 30;
constexpr int DRAWN_ROWS = 256;
// An idle GPU takes a tenth of a second to raise its clocks.
constexpr double WARM_UP_S = 0.2;
// Before each product: 20 reads of 1 GiB, some 5 ms.
constexpr std::size_t REST_BYTES = std::size_t{1} << 30;
constexpr int REST_READS = 20;

struct Product {
  int m, n, k;
};
// The usual square, and one of a model's: 3 % faster in fp16 on one H200.
constexpr Product PRODUCTS[] = {{8192, 8192, 8192}, {2048, 4096, 11008}};

// Times `work`, not as a graph: there the driver gives a copy to its copy engines, which are
// slower. `rest` goes before each sample and is not timed: it keeps the clocks up and the power
// low.
CeilingRow measured(reports::Row row, const Stream& stream, std::function<void()> work,
                    const std::function<void()>& rest) {
  const auto start = std::chrono::steady_clock::now();
  do {
    rest();
    stream.synchronize();
  } while (std::chrono::steady_clock::now() - start < std::chrono::duration<double>(WARM_UP_S));
  const Replay replay{std::move(work), 1.0, 1.0};
  const Sampler rested = [&rest, sample = sampler_of(stream, replay)] {
    rest();
    return sample();
  };
  Random order(1);
  const Collected collected = collect_interleaved({rested}, std::vector<SamplingPlan>(1), order)[0];
  row.set("status", "PASS").set("graph", false);
  describe_times(row, collected);
  describe_load(row,
                load_of(stream, {replay.queue, 1.0, row.real("t_median_us").value_or(0.0) * 1e-6}));
  return {std::move(row), collected.samples_us};
}

reports::Row identity(const std::string& id, std::uint64_t seed, double bytes, double flops) {
  reports::Row row = common_row("ceiling", seed);
  row.set("case_id", "ceiling/" + id).set("cache", "cold");
  row.set("bytes", static_cast<std::int64_t>(bytes));
  if (flops > 0.0) row.set("flops", static_cast<std::int64_t>(flops));
  return row;
}

CeilingRow read_ceiling(const Stream& stream, std::uint64_t seed) {
  DeviceBuffer<char> from(READ_BYTES, "ceiling: read");
  fill_bytes(from.data(), 1, READ_BYTES, stream);
  DeviceBuffer<unsigned> sum(1, "ceiling: sum");
  const auto read = [&] { add_words(sum.data(), from.data(), READ_BYTES, stream); };
  return measured(identity("read", seed, READ_BYTES, 0.0), stream, read, read);
}

CeilingRow copy_ceiling(const Stream& stream, std::uint64_t seed) {
  DeviceBuffer<char> from(COPY_BYTES, "ceiling: copy source");
  DeviceBuffer<char> to(COPY_BYTES, "ceiling: copy target");
  const auto copy = [&] { copy_on_device(to.data(), from.data(), COPY_BYTES, stream); };
  return measured(identity("copy", seed, 2.0 * COPY_BYTES, 0.0), stream, copy, copy);
}

// `count` rows: those of `part` again and again.
std::vector<unsigned char> repeated_rows(const HostTensor& part, int count) {
  std::vector<unsigned char> bytes;
  for (int row = 0; row < count; row += DRAWN_ROWS)
    bytes.insert(bytes.end(), part.bytes.begin(), part.bytes.end());
  return bytes;
}

CeilingRow gemm_ceiling(DType dtype, const Product& p, const Stream& stream, std::uint64_t seed) {
  // Random operands, as a product of zeros runs faster than one of numbers; a part of them again
  // and again, as drawing all takes seconds.
  Random random(1);
  HostTensor part(dtype, {DRAWN_ROWS, p.k});
  normal(0.0, 1.0)(part, random);
  const DeviceBuffer<unsigned char> x(repeated_rows(part, p.m), stream, "ceiling: x");
  const DeviceBuffer<unsigned char> w(repeated_rows(part, p.n), stream, "ceiling: w");
  DeviceBuffer<unsigned char> y(static_cast<std::size_t>(p.m) * p.n * size_of(dtype), "ceiling: y");
  DeviceBuffer<unsigned char> other(REST_BYTES, "ceiling: rest");
  fill_bytes(other.data(), 1, REST_BYTES, stream);
  DeviceBuffer<unsigned> sum(1, "ceiling: sum");
  reports::Row row = identity("gemm", seed, static_cast<double>(x.size() + w.size() + y.size()),
                              2.0 * p.m * p.n * p.k);
  row.set("dtype", name_of(dtype)).set("accumulate", "fp32");
  row.set("m", p.m).set("n", p.n).set("k", p.k);
  // One product after another takes the GPU to its power limit within a tenth of a second, which
  // lowers its clocks; a model's products have other kernels between them, and would then be faster
  // than their limit.
  return measured(
      std::move(row), stream,
      [&] { gemm_nt(y.data(), x.data(), w.data(), nullptr, p.m, p.n, p.k, dtype, stream); },
      [&] {
        for (int i = 0; i < REST_READS; ++i)
          add_words(sum.data(), other.data(), REST_BYTES, stream);
      });
}

// What has been measured so far.
std::vector<CeilingRow>& known() {
  static std::vector<CeilingRow> rows;
  return rows;
}

const CeilingRow* find_ceiling(const std::vector<CeilingRow>& rows, const std::string& id,
                               std::string_view dtype) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const CeilingRow& ceiling) {
    return ceiling.row.text("case_id") == "ceiling/" + id && ceiling.row.text("dtype") == dtype;
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::vector<CeilingRow> measure_ceilings(const std::vector<DType>& dtypes, const Stream& stream,
                                         std::uint64_t seed) {
  if (properties().kind != DeviceKind::kCuda) return {};
  if (times_only()) return {};  // longer than a case takes
  if (find_ceiling(known(), "read", "") == nullptr) {
    known().push_back(read_ceiling(stream, seed));
    known().push_back(copy_ceiling(stream, seed));
  }
  for (const DType dtype : dtypes) {
    if (find_ceiling(known(), "gemm", name_of(dtype)) == nullptr) {
      for (const Product& product : PRODUCTS)
        known().push_back(gemm_ceiling(dtype, product, stream, seed));
    }
  }
  return known();
}

Ceilings ceilings(DType dtype, const Stream& stream) {
  const bool multiplies = dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
  return ceilings_from(
      measure_ceilings(multiplies ? std::vector{dtype} : std::vector<DType>{}, stream, 1), dtype);
}

Ceilings ceilings_from(const std::vector<CeilingRow>& rows, DType dtype) {
  Ceilings best;
  for (const char* id : {"read", "copy"}) {
    const CeilingRow* row = find_ceiling(rows, id, "");
    if (row == nullptr) continue;
    best.bytes_per_s = std::max(best.bytes_per_s, row->row.real("gb_per_s").value_or(0.0) * 1e9);
  }
  for (const CeilingRow& row : rows) {
    if (row.row.text("case_id") != "ceiling/gemm" || row.row.text("dtype") != name_of(dtype))
      continue;
    best.flops_per_s = std::max(best.flops_per_s, row.row.real("tflop_per_s").value_or(0.0) * 1e12);
  }
  return best;
}

void describe_roofline(reports::Row& row, const Ceilings& ceilings) {
  const double median_s = row.real("t_median_us").value_or(0.0) * 1e-6;
  if (ceilings.bytes_per_s <= 0.0 || median_s <= 0.0 || row.text("cache") == "warm") return;
  const double bytes_s = row.real("bytes").value_or(0.0) / ceilings.bytes_per_s;
  const double flops = row.real("flops").value_or(0.0);
  // Where no product of this dtype was measured, integers say, memory is the only limit known.
  const double flops_s = ceilings.flops_per_s > 0.0 ? flops / ceilings.flops_per_s : 0.0;
  row.set("roofline_frac", std::max(bytes_s, flops_s) / median_s);
}

}  // namespace assay::suites
