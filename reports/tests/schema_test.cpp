#include "reports/schema.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/device/error.h"
#include "reports/tests/sample_report.h"

namespace assay::reports {
namespace {

using testing::contains;
using testing::message_of;

// Written out once more on purpose: renaming, moving or dropping a column by accident breaks every
// file that people have, and must fail here. A change on purpose raises SCHEMA_VERSION.
TEST(Schema, VersionThreeIsTheseColumns) {
  EXPECT_EQ(SCHEMA_VERSION, 3);
  EXPECT_EQ(header_line(),
            "schema_version,run_id,row_id,utc,suite,case_id,repro_cmd,seed,"
            "commit,dirty,op,version,kernel_set,build_flags,nvcc_version,arch,"
            "device,gpu_name,compute_capability,sm_count,driver,cuda_runtime,torch_version,"
            "host_cpu,ecc,mig,"
            "phase,batch,q_len,kv_len,heads,kv_heads,head_dim,m,n,k,dtype,accumulate,quant,cache,"
            "graph,"
            "status,reason,max_abs_err,rms_err,ref_rms_err,err_ratio,tolerance,worst_index,"
            "bitwise_repeat,mutants_killed,mutants_total,"
            "samples,discarded,t_min_us,t_p25_us,t_median_us,t_p75_us,t_p99_us,median_ci_lo_us,"
            "median_ci_hi_us,ref_median_us,speedup_vs_ref,"
            "sectors_read,sectors_written,sector_efficiency,bank_conflicts,barriers,shuffles,"
            "atomics,"
            "registers,spill_bytes,shared_bytes,occupancy,"
            "bytes,flops,gb_per_s,tflop_per_s,roofline_frac,launches,allocations,peak_mem_bytes,"
            "tok_per_s,ttft_ms,energy_j,"
            "sm_mhz,mem_mhz,temp_c,power_w,throttle");
}

TEST(Schema, TableIsSound) {
  std::set<std::string_view> names;
  ColumnGroup group = ColumnGroup::kIdentity;
  for (const Column& column : columns()) {
    SCOPED_TRACE(column.name);
    EXPECT_TRUE(names.insert(column.name).second) << "two columns of one name";
    EXPECT_GE(column.group, group) << "groups are in order";
    group = column.group;
    EXPECT_EQ(column.type == ColumnType::kEnum, !column.values.empty());
    EXPECT_FALSE(column.meaning.empty());
    EXPECT_EQ(&columns()[column_index(column.name)], &column);
    EXPECT_TRUE(!column.has(kNonFinite) || column.type == ColumnType::kReal);
    // A unit in the name is the unit of the column.
    EXPECT_EQ(column.name.ends_with("_us"), column.unit == "us");
    EXPECT_TRUE(!column.name.ends_with("_bytes") || column.unit == "B");
  }
}

TEST(Schema, EnumValues) {
  const Column& status = columns()[column_index("status")];
  EXPECT_EQ(values_of(status), (std::vector<std::string_view>{"PASS", "FAIL", "MISTRUSTED", "SKIP",
                                                              "NOT_RUN", "ERROR", "TIMEOUT"}));
  EXPECT_TRUE(is_value_of(status, "NOT_RUN"));
  EXPECT_FALSE(is_value_of(status, "NOT"));
  EXPECT_FALSE(is_value_of(status, ""));
}

TEST(Schema, UnknownColumnIsNamed) {
  EXPECT_EQ(find_column("t_median"), std::nullopt);
  EXPECT_TRUE(contains(message_of<Error>([] { column_index("t_median"); }), "'t_median'"));
}

TEST(Schema, DescriptionHasEveryColumn) {
  const std::string text = describe_columns(false);
  const std::string markdown = describe_columns(true);
  for (const Column& column : columns()) {
    EXPECT_TRUE(contains(text, "\n" + std::string(column.name) + "  "));
    EXPECT_TRUE(contains(markdown, "\n| " + std::string(column.name) + " | "));
  }
}

}  // namespace
}  // namespace assay::reports
