#include "suites/rows.h"

#include <cmath>
#include <fstream>

#include "kernels/device/properties.h"
#include "reports/identity.h"
#include "suites/build_info.h"

namespace assay::suites {
namespace {

std::string host_cpu() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "";
}

// CMake's name of an architecture is the number alone.
std::string arch() {
  const std::string built = build_info().arch;
  const bool is_number = !built.empty() && built[0] >= '0' && built[0] <= '9';
  return (is_number ? "sm_" : "") + built;
}

}  // namespace

reports::Row common_row(const std::string& suite, std::uint64_t seed) {
  static const std::string run_id = reports::make_run_id();
  static const std::string cpu = host_cpu();
  const Properties& device = properties();
  reports::Row row;
  row.set("run_id", run_id).set("suite", suite).set("seed", static_cast<std::int64_t>(seed));
  row.set("commit", build_info().commit).set("dirty", build_info().dirty);
  row.set("build_flags", build_info().flags).set("nvcc_version", build_info().nvcc);
  row.set("arch", arch()).set("torch_version", build_info().torch);
  row.set("device", std::string_view(name_of(device.kind))).set("host_cpu", cpu);
  if (device.kind == DeviceKind::kCuda) {
    row.set("gpu_name", device.name).set("sm_count", device.sm_count);
    row.set("compute_capability", std::to_string(device.compute_capability / 10) + "." +
                                      std::to_string(device.compute_capability % 10));
    row.set("driver", device.driver).set("cuda_runtime", device.runtime).set("ecc", device.ecc);
  }
  return row;
}

void describe_case(reports::Row& row, const Case& c, std::size_t version) {
  row.set("case_id", c.op + "/" + c.id()).set("op", c.op).set("version", c.versions[version]);
  row.set("phase", c.phase).set("dtype", name_of(c.dtype)).set("accumulate", "fp32");
  for (const auto& [column, value] : c.columns) row.set(column, value);
  row.set("bytes", std::llround(c.bytes)).set("flops", std::llround(c.flops));
}

void describe_verdict(reports::Row& row, const Verdict& verdict) {
  row.set("max_abs_err", verdict.max_abs_error).set("rms_err", verdict.rms_error);
  row.set("ref_rms_err", verdict.same_dtype_rms_error).set("err_ratio", verdict.ratio);
  row.set("tolerance", verdict.tolerance);
  row.set("worst_index", verdict.worst_index);
}

void describe_work(reports::Row& row, const Work& work) {
  const auto set = [&](const char* column, std::uint64_t value) {
    row.set(column, static_cast<std::int64_t>(value));
  };
  set("sectors_read", work.sectors_read);
  set("sectors_written", work.sectors_written);
  set("bank_conflicts", work.bank_conflicts);
  set("barriers", work.barriers);
  set("shuffles", work.shuffles);
  set("atomics", work.atomics);
  const std::uint64_t sectors = work.sectors_read + work.sectors_written;
  if (sectors == 0) return;
  row.set("sector_efficiency", static_cast<double>(work.bytes_read + work.bytes_written) /
                                   (32.0 * static_cast<double>(sectors)));
}

void describe_compiled(reports::Row& row, const CompiledWork& work) {
  row.set("registers", work.registers).set("spill_bytes", work.spill_bytes);
  row.set("shared_bytes", work.shared_bytes).set("occupancy", work.occupancy);
  if (!work.arch.empty()) row.set("arch", work.arch).set("nvcc_version", work.nvcc_version);
}

void describe_outcome(reports::Row& row, const Outcome& outcome) {
  row.set("status", std::string_view(name_of(outcome.status)));
  if (!outcome.reason.empty()) row.set("reason", outcome.reason);
  if (outcome.verdict) describe_verdict(row, *outcome.verdict);
  if (outcome.bitwise_repeat) row.set("bitwise_repeat", *outcome.bitwise_repeat);
  if (outcome.spoils) {
    row.set("mutants_killed", outcome.spoils->refused).set("mutants_total", outcome.spoils->shown);
  }
  if (outcome.work) describe_work(row, *outcome.work);
  if (outcome.compiled) describe_compiled(row, *outcome.compiled);
}

}  // namespace assay::suites
