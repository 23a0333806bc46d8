#include "reports/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "kernels/device/error.h"
#include "reports/table.h"

namespace assay::reports {
namespace {

using enum ColumnType;
using enum ColumnGroup;

constexpr std::string_view YES_NO = "yes|no";
constexpr std::string_view STATUSES = "PASS|FAIL|MISTRUSTED|SKIP|NOT_RUN|ERROR|TIMEOUT";

// clang-format off
constexpr Column COLUMNS[] = {
    // name, type, group, traits, unit, values, meaning
    {"schema_version", kInteger, kIdentity, kRequired, "", "", "version of this list of columns"},
    {"run_id", kString, kIdentity, kRequired, "", "", "one run of one program: UTC start and a random part"},
    {"row_id", kString, kIdentity, kRequired, "", "", "hash of the row's key columns; the same work has the same row_id in every run"},
    {"utc", kString, kIdentity, kRequired, "", "", "when the row was written, ISO 8601, UTC"},
    {"suite", kEnum, kIdentity, kKey | kRequired, "", "kernel|layer|generation|mutant|ceiling", "level of the case; ceiling: what the machine reaches at best"},
    {"case_id", kString, kIdentity, kKey | kRequired, "", "", "name of the case in the suite's tables"},
    {"repro_cmd", kString, kIdentity, kNone, "", "", "one-line command that replays just this row"},
    {"seed", kInteger, kIdentity, kNone, "", "", "seed of the case's random inputs"},

    {"commit", kString, kCode, kNone, "", "", "git commit of the build"},
    {"dirty", kEnum, kCode, kNone, "", YES_NO, "whether the tree had uncommitted changes"},
    {"op", kString, kCode, kKey, "", "", "op under test; for a layer, which one; empty for a whole generation"},
    {"version", kString, kCode, kKey, "", "", "version of the op, from its version table"},
    {"kernel_set", kString, kCode, kKey, "", "", "set of kernel versions that a layer or generation ran with"},
    {"build_flags", kString, kCode, kNone, "", "", "build type, compiler and flags that change the machine code"},
    {"nvcc_version", kString, kCode, kNone, "", "", "CUDA compiler; empty where none was used"},
    {"arch", kString, kCode, kNone, "", "", "architecture that device code was compiled for, as sm_90"},

    {"device", kEnum, kMachine, kKey | kRequired, "", "cuda|emulated", "device of the build; the two are never compared"},
    {"gpu_name", kString, kMachine, kNone, "", "", "GPU as its driver names it"},
    {"compute_capability", kString, kMachine, kNone, "", "", "as 9.0"},
    {"sm_count", kInteger, kMachine, kNone, "", "", "streaming multiprocessors"},
    {"driver", kString, kMachine, kNone, "", "", "version of the GPU driver"},
    {"cuda_runtime", kString, kMachine, kNone, "", "", "version of the CUDA runtime"},
    {"torch_version", kString, kMachine, kNone, "", "", "version of LibTorch, the reference"},
    {"host_cpu", kString, kMachine, kNone, "", "", "model name of the host's processor"},
    {"ecc", kEnum, kMachine, kNone, "", YES_NO, "whether the GPU's memory corrects errors"},
    {"mig", kEnum, kMachine, kNone, "", YES_NO, "whether the GPU is partitioned"},

    {"phase", kEnum, kProblem, kKey, "", "prefill|decode|-", "phase of generation; - where it does not matter"},
    {"batch", kInteger, kProblem, kKey, "", "", "sequences at once"},
    {"q_len", kInteger, kProblem, kKey, "tokens", "", "new tokens per sequence"},
    {"kv_len", kInteger, kProblem, kKey, "tokens", "", "tokens attended to per sequence, the new ones included"},
    {"heads", kInteger, kProblem, kKey, "", "", "query heads"},
    {"kv_heads", kInteger, kProblem, kKey, "", "", "key and value heads"},
    {"head_dim", kInteger, kProblem, kKey, "", "", "width of a head"},
    {"m", kInteger, kProblem, kKey, "", "", "rows of a matrix product's output, or of a row-wise op"},
    {"n", kInteger, kProblem, kKey, "", "", "columns of a matrix product's output, or of a row-wise op"},
    {"k", kInteger, kProblem, kKey, "", "", "inner length of a matrix product"},
    {"dtype", kString, kProblem, kKey, "", "", "type of the op's tensors, as fp16"},
    {"accumulate", kString, kProblem, kKey, "", "", "type that sums are kept in"},
    {"quant", kString, kProblem, kKey, "", "", "quantization of the weights, as int4-g128; empty for none"},
    {"cache", kEnum, kProblem, kKey, "", "cold|warm", "whether inputs were in the GPU's cache when timing began"},
    {"graph", kEnum, kProblem, kKey, "", YES_NO, "whether the work was replayed as a CUDA graph"},

    {"status", kEnum, kCorrectness, kRequired, "", STATUSES, "verdict of the checks"},
    {"reason", kString, kCorrectness, kNone, "", "", "why it did not pass: what failed first, or why it was not run"},
    {"max_abs_err", kReal, kCorrectness, kNonFinite, "", "", "largest absolute error against float64"},
    {"rms_err", kReal, kCorrectness, kNonFinite, "", "", "root mean square error against float64"},
    {"ref_rms_err", kReal, kCorrectness, kNonFinite, "", "", "the same of LibTorch at the row's dtype"},
    {"err_ratio", kReal, kCorrectness, kNonFinite, "", "", "error as a share of the tolerance; above 1 fails"},
    {"tolerance", kReal, kCorrectness, kNonFinite, "", "", "largest error allowed here"},
    {"worst_index", kInteger, kCorrectness, kNone, "", "", "flat index of the output element with the largest error"},
    {"bitwise_repeat", kEnum, kCorrectness, kNone, "", YES_NO, "whether a second run gave the same bits"},
    {"mutants_killed", kInteger, kCorrectness, kNone, "", "", "spoiled outputs that the check refused"},
    {"mutants_total", kInteger, kCorrectness, kNone, "", "", "spoiled outputs that the check was shown"},

    {"samples", kInteger, kTime, kNone, "", "", "timed samples that count"},
    {"discarded", kInteger, kTime, kNone, "", "", "timed samples dropped, throttled ones among them"},
    {"t_min_us", kReal, kTime, kNone, "us", "", "fastest sample"},
    {"t_p25_us", kReal, kTime, kNone, "us", "", "25th percentile"},
    {"t_median_us", kReal, kTime, kNone, "us", "", "median"},
    {"t_p75_us", kReal, kTime, kNone, "us", "", "75th percentile"},
    {"t_p99_us", kReal, kTime, kNone, "us", "", "99th percentile of the samples, each the mean of executions in a row"},
    {"median_ci_lo_us", kReal, kTime, kNone, "us", "", "lower end of the median's 95 % confidence interval"},
    {"median_ci_hi_us", kReal, kTime, kNone, "us", "", "upper end of the same; both empty below 6 samples"},
    {"ref_median_us", kReal, kTime, kNone, "us", "", "median of LibTorch's best way of doing the same work, timed in turn with it"},
    {"speedup_vs_ref", kReal, kTime, kNone, "", "", "ref_median_us / t_median_us"},

    {"sectors_read", kInteger, kCounted, kNone, "", "", "32-byte sectors read from global memory"},
    {"sectors_written", kInteger, kCounted, kNone, "", "", "32-byte sectors written to global memory"},
    {"sector_efficiency", kReal, kCounted, kNone, "", "", "bytes asked for / bytes in the sectors touched"},
    {"bank_conflicts", kInteger, kCounted, kNone, "", "", "extra shared-memory passes"},
    {"barriers", kInteger, kCounted, kNone, "", "", "block-wide barriers, per block summed"},
    {"shuffles", kInteger, kCounted, kNone, "", "", "warp shuffles"},
    {"atomics", kInteger, kCounted, kNone, "", "", "atomic operations"},

    {"registers", kInteger, kCompiled, kNone, "", "", "registers per thread, as the compiler reports; of several kernels the most"},
    {"spill_bytes", kInteger, kCompiled, kNone, "B", "", "register spills per thread, loads and stores; summed over the kernels of the work"},
    {"shared_bytes", kInteger, kCompiled, kNone, "B", "", "shared memory per block, static and dynamic; of several kernels the most"},
    {"occupancy", kReal, kCompiled, kNone, "", "", "resident warps / most that fit, at the blocks launched; of several kernels the least"},

    {"bytes", kInteger, kDerived, kNone, "B", "", "bytes that the work must move at least"},
    {"flops", kInteger, kDerived, kNone, "flop", "", "floating-point operations of the work"},
    {"gb_per_s", kReal, kDerived, kNone, "1e9 B/s", "", "bytes / t_median_us"},
    {"tflop_per_s", kReal, kDerived, kNone, "1e12 flop/s", "", "flops / t_median_us"},
    {"roofline_frac", kReal, kDerived, kNone, "", "", "speed as a share of what the ceilings measured in this run allow; empty for a warm cache"},
    {"launches", kInteger, kDerived, kNone, "", "", "kernel launches of one execution"},
    {"allocations", kInteger, kDerived, kNone, "", "", "device allocations of one execution"},
    {"peak_mem_bytes", kInteger, kDerived, kNone, "B", "", "peak of device memory in use"},
    {"tok_per_s", kReal, kDerived, kNone, "1/s", "", "tokens per second over the whole batch"},
    {"ttft_ms", kReal, kDerived, kNone, "ms", "", "time to the first token"},
    {"energy_j", kReal, kDerived, kNone, "J", "", "energy of one execution, by NVML; empty where its counter did not move often enough"},

    {"sm_mhz", kInteger, kConditions, kNone, "MHz", "", "clock of the multiprocessors"},
    {"mem_mhz", kInteger, kConditions, kNone, "MHz", "", "clock of the memory"},
    {"temp_c", kInteger, kConditions, kNone, "C", "", "temperature of the GPU"},
    {"power_w", kReal, kConditions, kNone, "W", "", "mean power over the executions that energy_j was measured on, else as NVML says"},
    {"throttle", kString, kConditions, kNone, "", "", "reasons for lowered clocks, parted by spaces; none where there were none"},
};
// clang-format on

const std::unordered_map<std::string_view, std::size_t>& index_by_name() {
  static const auto index = [] {
    std::unordered_map<std::string_view, std::size_t> map;
    for (std::size_t i = 0; i < std::size(COLUMNS); ++i) map.emplace(COLUMNS[i].name, i);
    return map;
  }();
  return index;
}

std::string traits_text(const Column& column) {
  std::string text;
  const auto add = [&](ColumnTrait trait, std::string_view word) {
    if (!column.has(trait)) return;
    if (!text.empty()) text += ", ";
    text += word;
  };
  add(kRequired, "required");
  add(kKey, "key");
  add(kNonFinite, "may be nan or inf");
  return text;
}

std::string meaning_text(const Column& column) {
  std::string text(column.meaning);
  if (!column.values.empty()) {
    text += ": ";
    const auto values = values_of(column);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text += ", ";
      text += values[i];
    }
  }
  return text;
}

Table group_table(ColumnGroup group) {
  Table table({{"column"}, {"type"}, {"unit"}, {"traits"}, {"meaning"}});
  for (const Column& column : COLUMNS) {
    if (column.group != group) continue;
    table.add({std::string(column.name), std::string(name_of(column.type)),
               std::string(column.unit), traits_text(column), meaning_text(column)});
  }
  return table;
}

}  // namespace

std::span<const Column> columns() { return COLUMNS; }

std::optional<std::size_t> find_column(std::string_view name) {
  const auto found = index_by_name().find(name);
  if (found == index_by_name().end()) return std::nullopt;
  return found->second;
}

std::size_t column_index(std::string_view name) {
  if (const auto index = find_column(name)) return *index;
  throw Error(fmt::format(
      "report: the schema (version {}) has no column '{}'; `report columns` lists those it has",
      SCHEMA_VERSION, name));
}

std::string_view name_of(ColumnType type) {
  switch (type) {
    case kString:
      return "string";
    case kInteger:
      return "integer";
    case kReal:
      return "real";
    case kEnum:
      return "enum";
  }
  return "?";
}

std::string_view name_of(ColumnGroup group) {
  switch (group) {
    case kIdentity:
      return "identity";
    case kCode:
      return "code";
    case kMachine:
      return "machine";
    case kProblem:
      return "problem";
    case kCorrectness:
      return "correctness";
    case kTime:
      return "time";
    case kCounted:
      return "counted";
    case kCompiled:
      return "compiled";
    case kDerived:
      return "derived";
    case kConditions:
      return "conditions";
  }
  return "?";
}

std::vector<std::string_view> values_of(const Column& column) {
  std::vector<std::string_view> values;
  std::string_view rest = column.values;
  while (!rest.empty()) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    values.push_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return values;
}

bool is_value_of(const Column& column, std::string_view value) {
  return std::ranges::count(values_of(column), value) > 0;
}

std::string header_line() {
  std::string line;
  for (const Column& column : COLUMNS) {
    if (!line.empty()) line += ',';
    line += column.name;
  }
  return line;
}

std::string describe_columns(bool markdown) {
  std::string text = fmt::format("{}Columns of the CSV report, schema version {}{}\n",
                                 markdown ? "# " : "", SCHEMA_VERSION, markdown ? "" : ".");
  for (int g = 0; g <= static_cast<int>(kConditions); ++g) {
    const auto group = static_cast<ColumnGroup>(g);
    text += fmt::format("\n{}{}\n{}", markdown ? "## " : "", name_of(group), markdown ? "\n" : "");
    text += markdown ? group_table(group).markdown() : group_table(group).text();
  }
  return text;
}

}  // namespace assay::reports
