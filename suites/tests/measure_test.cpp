// Input sets, cold and warm caches, ceilings, and the times of a case's versions.
#include "suites/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "suites/cases/cases.h"
#include "suites/kernel_run.h"
#include "suites/rows.h"
#include "suites/time_versions.h"

namespace assay::suites {
namespace {

std::string modes(double touched, std::size_t set_bytes, CacheLimits limits) {
  std::string text;
  for (const CacheMode& mode : cache_modes(touched, set_bytes, limits)) {
    text += (text.empty() ? "" : " ") + mode.name + ":" + std::to_string(mode.sets);
  }
  return text;
}

TEST(CacheModes, FollowWhatIsTouchedAndWhatFits) {
  constexpr std::size_t MB = 1000 * 1000;
  const CacheLimits h200{60 * MB, 17000 * MB};
  EXPECT_EQ(modes(1e6, MB, {0, 1000 * MB}), "warm:1");       // no cache, no difference
  EXPECT_EQ(modes(1e6, MB, h200), "cold:120 warm:1");        // small
  EXPECT_EQ(modes(30e6, 30 * MB, h200), "cold:4 warm:1");    // half of the cache
  EXPECT_EQ(modes(31e6, 31 * MB, h200), "cold:4");           // would not stay there
  EXPECT_EQ(modes(119e6, 119 * MB, h200), "cold:2");         //
  EXPECT_EQ(modes(500e6, 500 * MB, h200), "cold:1");         // its own beginning is gone
  EXPECT_EQ(modes(500e6, 20000 * MB, h200), "cold:1");       // large, but once it fits
  EXPECT_EQ(modes(240e3, 240000, h200), "cold:500 warm:1");  //
  EXPECT_EQ(modes(230e3, 230000, h200), "warm:1");           // never far from the cache
  EXPECT_EQ(modes(16e6, 262 * MB, h200), "cold:8 warm:1");   // some rows of a table
  EXPECT_EQ(modes(1e6, 262 * MB, h200), "warm:1");           // 120 tables do not fit
  EXPECT_EQ(modes(0.0, 1, h200), "warm:1");
}

TEST(InputSets, AreCopiesApartFromEachOther) {
  const Stream stream;
  for (const Case& c : all_cases(ShapeSet::kSmoke)) {
    const PreparedCase prepared(c, 1);
    const InputSets sets(c, prepared.device_inputs(stream), 5, stream);
    ASSERT_EQ(sets.pointers().size(), 5u);
    for (std::size_t set = 0; set < 5; ++set) {
      ASSERT_EQ(sets.pointers()[set].size(), c.operands.size());
      const auto* begin = static_cast<unsigned char*>(sets.pointers()[set][0]);
      if (set > 0) {
        EXPECT_EQ(begin, static_cast<unsigned char*>(sets.pointers()[set - 1][0]) + set_bytes(c));
      }
      for (std::size_t i = 0; i < c.operands.size(); ++i) {
        const std::vector<unsigned char>& expected = prepared.inputs()[i].bytes;
        const auto* at = static_cast<unsigned char*>(sets.pointers()[set][i]);
        EXPECT_LE(at + expected.size(), begin + set_bytes(c));
        const Role role = c.operands[i].role;
        if (role != Role::kInput && role != Role::kInOut) continue;
        std::vector<unsigned char> found(expected.size());
        copy_to_host(found.data(), at, found.size(), stream);
        stream.synchronize();
        EXPECT_EQ(found, expected) << c.op << "/" << c.id() << " " << c.operands[i].name;
      }
    }
  }
}

TEST(Calibrate, RepeatsShortWorkUntilEventsCanTellItsTime) {
  EXPECT_EQ(passes_for(1.0, 1), 1u);
  EXPECT_EQ(passes_for(200e-6, 1), 1u);
  EXPECT_EQ(passes_for(2e-6, 1), 100u);
  EXPECT_EQ(passes_for(100e-6, 50), 2u);
  EXPECT_EQ(passes_for(100e-6, 8000), 1u);  // a graph has its limits
  EXPECT_EQ(passes_for(0.0, 1), 8192u);

  const Stream stream;
  std::vector<std::size_t> recorded;
  const Replay replay = calibrate(stream, 3, [&](std::size_t passes) -> std::function<void()> {
    recorded.push_back(passes);
    return [] {};
  });
  ASSERT_EQ(recorded.size(), 2u);
  EXPECT_EQ(recorded[0], 1u);
  EXPECT_GT(recorded[1], 1u);
  EXPECT_EQ(replay.executions, 3.0 * static_cast<double>(recorded[1]));
}

TEST(RecordGraph, LaunchesEachSetInTurn) {
  const Stream stream;
  std::vector<int> ran;
  std::vector<std::function<void()>> launches;
  DeviceBuffer<int> memory(2);
  for (int set = 0; set < 2; ++set) {
    launches.push_back([&, set] {
      ran.push_back(set);
      fill_bytes(memory.data() + set, set, sizeof(int), stream);
    });
  }
  const Replay replay = record_graph(stream, launches);
  for (std::size_t i = 0; i < ran.size(); ++i) EXPECT_EQ(ran[i], static_cast<int>(i % 2));
  EXPECT_EQ(static_cast<double>(ran.size()),
            2 + 2 + (replay.executions > 2 ? replay.executions : 0));
}

CeilingRow ceiling(const std::string& id, const std::string& dtype, const char* column,
                   double value) {
  CeilingRow made;
  made.row.set("case_id", "ceiling/" + id).set(column, value);
  if (!dtype.empty()) made.row.set("dtype", dtype);
  return made;
}

TEST(Ceilings, TakeTheLargerBandwidthAndThePeakOfTheDtype) {
  std::vector<CeilingRow> rows{
      ceiling("read", "", "gb_per_s", 4160), ceiling("copy", "", "gb_per_s", 4200),
      ceiling("gemm", "fp16", "tflop_per_s", 721), ceiling("gemm", "bf16", "tflop_per_s", 781)};
  EXPECT_EQ(ceilings_from(rows, DType::kF16).bytes_per_s, 4200e9);
  EXPECT_EQ(ceilings_from(rows, DType::kF16).flops_per_s, 721e12);
  EXPECT_EQ(ceilings_from(rows, DType::kBF16).flops_per_s, 781e12);
  EXPECT_EQ(ceilings_from(rows, DType::kU8).flops_per_s, 0.0);
  rows[0].row.set("gb_per_s", 4300.0);
  EXPECT_EQ(ceilings_from(rows, DType::kF16).bytes_per_s, 4300e9);
  rows.push_back(ceiling("gemm", "fp16", "tflop_per_s", 780));  // another shape
  rows.push_back(ceiling("gemm", "bf16", "tflop_per_s", 696));
  EXPECT_EQ(ceilings_from(rows, DType::kF16).flops_per_s, 780e12);
  EXPECT_EQ(ceilings_from(rows, DType::kBF16).flops_per_s, 781e12);
  EXPECT_EQ(ceilings_from({}, DType::kF16).bytes_per_s, 0.0);
}

double roofline(const char* cache, double bytes, double flops, Ceilings limits) {
  reports::Row row;
  row.set("cache", cache).set("bytes", static_cast<std::int64_t>(bytes));
  row.set("flops", static_cast<std::int64_t>(flops)).set("t_median_us", 100.0);
  describe_roofline(row, limits);
  return row.real("roofline_frac").value_or(-1.0);
}

TEST(Ceilings, GiveTheShareOfTheNearerRoof) {
  const Ceilings limits{4e12, 700e12};
  EXPECT_DOUBLE_EQ(roofline("cold", 200e6, 7e9, limits), 0.5);  // 50 us of memory, 10 of arithmetic
  EXPECT_DOUBLE_EQ(roofline("cold", 40e6, 56e9, limits), 0.8);  // 10 and 80
  EXPECT_DOUBLE_EQ(roofline("cold", 200e6, 7e9, {4e12, 0}), 0.5);
  EXPECT_EQ(roofline("warm", 200e6, 7e9, limits), -1.0);  // memory is not its limit
  EXPECT_EQ(roofline("cold", 200e6, 7e9, {}), -1.0);
}

TEST(Ceilings, AreMeasuredOnAGpuOnly) {
  const Stream stream;
  const std::vector<CeilingRow> rows = measure_ceilings({DType::kF16}, stream, 1);
  if (properties().kind == DeviceKind::kEmulated) {
    EXPECT_TRUE(rows.empty());
    EXPECT_EQ(ceilings(DType::kF16, stream).bytes_per_s, 0.0);
    return;
  }
  ASSERT_GT(rows.size(), 3u);  // read, copy, and products of several shapes
  const Ceilings limits = ceilings(DType::kF16, stream);
  EXPECT_GT(limits.bytes_per_s, 1e11);
  EXPECT_GT(limits.flops_per_s, 1e12);
}

TEST(TimeVersions, TimesOnly) {
  const Stream stream;
  const std::vector<Case> cases = all_cases(ShapeSet::kSmoke);
  const auto found = std::find_if(cases.begin(), cases.end(), [](const Case& one) {
    return one.op == "rms_norm" && one.dtype == DType::kF16;
  });
  ASSERT_NE(found, cases.end());
  const Case& c = *found;
  const PreparedCase prepared(c, 1);
  reports::Row row = common_row("kernel", 1);
  std::vector<VersionRow> versions = {{0, &row, {}}};
  ::setenv("ASSAY_TIMES_ONLY", "1", 1);
  const bool no_ceilings = measure_ceilings({DType::kF16}, stream, 1).empty();
  time_versions(c, prepared.device_inputs(stream), cache_modes(c).front(), versions, 1, true,
                stream);
  ::unsetenv("ASSAY_TIMES_ONLY");
  EXPECT_TRUE(no_ceilings);
  EXPECT_GE(versions[0].samples_us.size(), SamplingPlan{}.min_samples);
  EXPECT_TRUE(row.has("t_median_us"));
  EXPECT_FALSE(row.has("ref_median_us"));
  EXPECT_FALSE(row.has("energy_j"));
  EXPECT_FALSE(row.has("roofline_frac"));
}

TEST(TimeVersions, FillsInTimesOfEveryVersionAndOfLibTorch) {
  const Stream stream;
  for (const Case& c : all_cases(ShapeSet::kSmoke)) {
    if (c.dtype != DType::kF16 || (c.op != "rms_norm" && c.op != "kv_append")) continue;
    const PreparedCase prepared(c, 1);
    for (const CacheMode& mode : cache_modes(c)) {
      std::vector<reports::Row> rows;
      std::vector<VersionRow> versions;
      for (std::size_t version = 0; version < c.versions.size(); ++version) {
        if (!c.unsupported(version).empty()) continue;
        rows.push_back(common_row("kernel", 1));
        describe_case(rows.back(), c, version);
        versions.push_back({version, nullptr, {}});
      }
      for (std::size_t i = 0; i < rows.size(); ++i) versions[i].row = &rows[i];
      time_versions(c, prepared.device_inputs(stream), mode, versions, 1, false, stream);
      for (const VersionRow& timed : versions) {
        const reports::Row& row = *timed.row;
        SCOPED_TRACE(c.op + "/" + c.id() + " " + row.text("version"));
        EXPECT_GE(timed.samples_us.size(), SamplingPlan{}.min_samples);
        EXPECT_EQ(row.integer("samples"), static_cast<std::int64_t>(timed.samples_us.size()));
        EXPECT_GT(row.real("t_median_us").value_or(0), 0.0);
        EXPECT_GT(row.real("ref_median_us").value_or(0), 0.0);
        EXPECT_NEAR(row.real("speedup_vs_ref").value_or(0),
                    *row.real("ref_median_us") / *row.real("t_median_us"), 1e-9);
        EXPECT_GE(row.integer("launches").value_or(0), 1);
        EXPECT_EQ(row.integer("allocations"), 0);
        EXPECT_GE(row.integer("discarded").value_or(-1), 0);
      }
    }
  }
}

TEST(Peer, OfLoweredClocksIsNotHeldAgainst) {
  for (const std::string throttle : {"none", "power_cap", "hw_thermal"}) {
    reports::Row row;
    describe_times(row, {{10.0, 10.0, 10.0}, 0, "none"});
    describe_peer(row, {{20.0, 20.0, 20.0}, 0, throttle});
    EXPECT_EQ(row.has("ref_median_us"), throttle != "hw_thermal") << throttle;
    EXPECT_EQ(row.has("speedup_vs_ref"), throttle != "hw_thermal") << throttle;
  }
}

}  // namespace
}  // namespace assay::suites
