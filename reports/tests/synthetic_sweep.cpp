#include "reports/tests/synthetic_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "reports/identity.h"
#include "reports/statistics.h"

namespace assay::reports::testing {
namespace {

struct Version {
  const char* name;
  double efficiency;  // of the limit, for large work
};

struct Shape {
  std::int64_t batch = 1;
  std::int64_t q_len = 1;
  std::int64_t kv_len = 1;
  std::int64_t tokens() const { return batch * q_len; }
};

class Sweep {
 public:
  explicit Sweep(const SyntheticRun& run) : run_(run), random_(run.seed) {}

  std::vector<Row> make() {
    const bool small = run_.small;
    std::vector<const char*> dtypes = {"fp16"};
    if (!small) dtypes = {"fp16", "bf16", "fp32"};
    for (const char* dtype : dtypes) {
      for (const Shape& shape : prefill(small)) add_shape(dtype, "prefill", shape);
      for (const Shape& shape : decode(small)) add_shape(dtype, "decode", shape);
    }
    spoil();
    return std::move(rows_);
  }

 private:
  static std::vector<Shape> prefill(bool small) {
    std::vector<Shape> shapes;
    for (const std::int64_t batch : {1, 4})
      for (std::int64_t length = 128; length <= (small ? 512 : 8192); length *= 2)
        shapes.push_back({batch, length, length});
    return shapes;
  }
  static std::vector<Shape> decode(bool small) {
    std::vector<Shape> shapes;
    for (std::int64_t batch = 1; batch <= (small ? 8 : 64); batch *= small ? 8 : 2)
      for (const std::int64_t length : {256, 2048, 8192}) shapes.push_back({batch, 1, length});
    return shapes;
  }

  Row base(const char* dtype, const char* phase, const Shape& shape) const {
    Row row;
    row.set("schema_version", SCHEMA_VERSION).set("run_id", run_.run_id).set("utc", run_.utc);
    row.set("commit", run_.commit).set("dirty", false).set("seed", 1);
    row.set("build_flags", "RelWithDebInfo GNU 13.3.0 sanitize=").set("torch_version", "2.11.0");
    row.set("host_cpu", "Intel(R) Xeon(R) Processor");
    if (run_.emulated) {
      row.set("device", "emulated");
    } else {
      row.set("device", "cuda").set("gpu_name", "NVIDIA H200").set("compute_capability", "9.0");
      row.set("sm_count", 132).set("driver", "580.159.04").set("cuda_runtime", "13.0");
      row.set("nvcc_version", "13.0.88").set("arch", "90a").set("ecc", true).set("mig", false);
      row.set("sm_mhz", 1980).set("mem_mhz", 3201).set("temp_c", 41).set("power_w", 350.25);
      row.set("throttle", "none");
    }
    row.set("dtype", dtype).set("accumulate", "fp32").set("phase", phase);
    row.set("batch", shape.batch).set("q_len", shape.q_len).set("kv_len", shape.kv_len);
    row.set("graph", true).set("status", "PASS");
    return row;
  }

  static double width_of(const std::string& dtype) { return dtype == "fp32" ? 4 : 2; }

  // The time of `row` from its bytes and flops at `efficiency` of the limits, and all that follows.
  void finish(Row row, double efficiency, double reference_efficiency) {
    const double peak = SYNTHETIC_TFLOP_PER_S / (row.text("dtype") == "fp32" ? 16 : 1);
    const double limit_us =
        std::max(*row.real("bytes") / SYNTHETIC_GB_PER_S * 1e-3, *row.real("flops") / peak * 1e-6);
    const auto jitter = [&] {
      return 1 + run_.noise * std::normal_distribution<double>(0, 1)(random_);
    };
    double us = (limit_us / efficiency + 2.2) * (run_.emulated ? 4000 : 1) * jitter();
    if (row.text("op") == "rms_norm" && row.text("version") == "v2_registers") us *= run_.slower;
    row.set("samples", 40).set("discarded", 0);
    row.set("t_min_us", us * 0.99).set("t_p25_us", us * 0.996).set("t_median_us", us);
    row.set("t_p75_us", us * 1.005).set("t_p99_us", us * 1.03);
    row.set("median_ci_lo_us", us * 0.998).set("median_ci_hi_us", us * 1.002);
    if (reference_efficiency > 0)
      row.set("ref_median_us", (limit_us / reference_efficiency + 6.5) * (run_.emulated ? 900 : 1));
    set_rates(row);
    if (!run_.emulated) row.set("roofline_frac", limit_us / us);
    row.set("max_abs_err", 0.0011).set("rms_err", 0.00021).set("ref_rms_err", 0.0002);
    row.set("err_ratio", 0.15 + 0.1 * static_cast<double>(rows_.size() % 7))
        .set("tolerance", 0.0073);
    row.set("worst_index", rows_.size()).set("bitwise_repeat", true);
    row.set("mutants_killed", 9).set("mutants_total", 9);
    row.set(
        "repro_cmd",
        fmt::format("sweep --set sweep --level {} --dtype {} --seed 1 --benchmark_filter='{}/{}{}'",
                    row.text("suite"), row.text("dtype"), row.text("case_id"), row.text("version"),
                    row.text("kernel_set")));
    row.set("row_id", make_row_id(row));
    rows_.push_back(std::move(row));
  }

  void kernel(Row row, const char* op, const std::string& sizes,
              std::initializer_list<Version> versions, double bytes, double flops,
              double reference) {
    row.set("suite", "kernel").set("op", op).set("cache", "cold").set("launches", 1);
    row.set("case_id", fmt::format("{}/{}/{}", op, row.text("dtype"), sizes));
    row.set("bytes", std::llround(bytes)).set("flops", std::llround(flops));
    for (const Version& version : versions) {
      Row one = row;
      one.set("version", version.name);
      finish(std::move(one), version.efficiency, reference);
    }
  }

  void add_shape(const char* dtype, const char* phase, const Shape& shape) {
    const bool is_prefill = phase[0] == 'p';
    const double w = width_of(dtype);
    const auto tokens = static_cast<double>(shape.tokens());
    const auto kv = static_cast<double>(shape.batch * shape.kv_len);
    const std::string lengths =
        fmt::format("batch={},q_len={},kv_len={}", shape.batch, shape.q_len, shape.kv_len);
    const Row row = base(dtype, phase, shape);
    Row sized = row;
    sized.set("m", shape.tokens()).set("n", 4096);
    if (is_prefill || shape.kv_len == 256) {
      kernel(sized, "rms_norm", fmt::format("m={},n=4096", shape.tokens()),
             {{"v1_two_pass", 0.55}, {"v2_registers", 0.86}}, tokens * 4096 * w * 2,
             tokens * 4096 * 4, 0.58);
      kernel(sized, "swiglu", fmt::format("m={},n=11008", shape.tokens()),
             {{"v1_elementwise", 0.6}, {"v2_vectors", 0.91}}, tokens * 11008 * w * 3,
             tokens * 11008 * 6, 0.5);
      kernel(sized, "kv_append", fmt::format("m={}", shape.tokens()), {{"v1_token_copy", 0.7}},
             tokens * 8192 * w * 2, 0, 0);
      for (const std::int64_t n : {4096, 22016}) {
        Row product = sized;
        product.set("n", n).set("k", 4096);
        const auto width = static_cast<double>(n);
        kernel(product, "linear", fmt::format("m={},n={},k=4096,bias=0", shape.tokens(), n),
               {{"v1_blas", 0.88},
                {"v2_tiled", is_prefill ? 0.21 : 0.4},
                {"v3_vector", is_prefill ? 0.02 : 0.78}},
               (tokens * 4096 + width * 4096 + tokens * width) * w, 2 * tokens * width * 4096,
               0.87);
      }
    }
    Row heads = row;
    heads.set("heads", 32).set("kv_heads", 32).set("head_dim", 128);
    const auto pairs = is_prefill ? kv * static_cast<double>(shape.q_len) / 2 : kv;
    kernel(heads, "attention", lengths,
           {{"v1_row_per_block", 0.04}, {"v2_shared", 0.3}, {"v3_split", 0.62}},
           (2 * kv * 4096 + 2 * tokens * 4096) * w, pairs * 4096 * 4, is_prefill ? 0.43 : 0.35);
    for (const char* set : {"baseline", "fused", "best"}) {
      const double efficiency = set[0] == 'f' ? 0.45 : set[1] == 'a' ? 0.27 : 0.71;
      const auto model = [&](const char* suite, const char* op, double bytes, double flops,
                             int launches) {
        Row one = heads;
        one.set("suite", suite).set("op", op).set("kernel_set", set);
        one.set("case_id", fmt::format("7b/{}/{}", phase, lengths));
        one.set("bytes", std::llround(bytes)).set("flops", std::llround(flops));
        one.set("launches", launches).set("allocations", 0);
        finish(std::move(one), efficiency, suite[0] == 'g' ? 0.2 : 0.0);
        if (suite[0] != 'g') return;
        Row& last = rows_.back();
        last.set("peak_mem_bytes", std::llround(13.5e9 + kv * 0.52e6));
        last.set("tok_per_s", tokens / *last.real("t_median_us") * 1e6);
        if (is_prefill) last.set("ttft_ms", *last.real("t_median_us") * 1e-3);
      };
      if (shape.kv_len <= 2048)
        model("layer", "decoder_layer", 202e6 * w + kv * 8192 * w, tokens * 404e6, 15);
      model("generation", "", 6.6e9 * w + kv * 262144 * w, tokens * 13.2e9 + pairs * 524288, 487);
    }
  }

  // Rows that did not pass: their times must appear in no chart.
  void spoil() {
    for (Row& row : rows_) {
      if (row.text("version") != "v3_vector" || *row.integer("m") <= 64) continue;
      for (const Column& column : columns())
        if (column.group == ColumnGroup::kTime || column.group == ColumnGroup::kCorrectness ||
            column.group == ColumnGroup::kDerived || column.group == ColumnGroup::kConditions)
          row.clear(column.name);
      row.set("status", "SKIP").set("reason", "at most 64 rows are supported");
    }
    Row& wrong = rows_[3];
    wrong.set("status", "FAIL").set("err_ratio", 3.25).set("max_abs_err", 0.0237);
    wrong.set("reason", "error against float64 is 3.25 times its tolerance");
    Row& lost = rows_[11];
    lost.set("status", "FAIL").set("err_ratio", NAN).set("reason", HOSTILE_REASON);
  }

  const SyntheticRun& run_;
  std::mt19937_64 random_;
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> synthetic_sweep(const SyntheticRun& run) { return Sweep(run).make(); }

}  // namespace assay::reports::testing
