// What a sweep is made of: presets, cases that are too large, the order, and what flags come to.
#include "suites/sweep_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/tests/expect_error.h"
#include "kernels/device/properties.h"
#include "reports/identity.h"
#include "suites/case_limits.h"
#include "suites/cases/cases.h"
#include "suites/sweep_options.h"

namespace assay::suites {
namespace {

SweepOptions parse(std::vector<const char*> flags, DeviceKind device = DeviceKind::kEmulated) {
  flags.insert(flags.begin(), "sweep");
  return *parse_sweep_options(static_cast<int>(flags.size()), flags.data(), device);
}

std::vector<std::string> names_of(const std::vector<SweepCase>& cases) {
  std::vector<std::string> names;
  for (const SweepCase& c : cases) names.push_back(c.name);
  return names;
}

PlannedSweep planned(std::vector<const char*> flags) {
  return assemble(parse(std::move(flags)).plan);
}

TEST(SweepPlan, AxesSpanKernelsAndModels) {
  const PlannedSweep all = planned({"--batch", "1,2", "--seq", "16-64*2", "--dtype", "fp16,bf16"});
  const std::vector<std::string> names = names_of(all.cases);
  const std::set<std::string> unique(names.begin(), names.end());
  EXPECT_EQ(unique.size(), names.size());
  for (const char* name : {"rms_norm/fp16/rows=128,width=64", "rms_norm/bf16/rows=2,width=64",
                           "causal_mask/u8/batch=2,t_max=1,past=31,s=64,lengths=0",
                           "tiny/fp16/decode/batch=2,q_len=1,"
                           "kv_len=64",
                           "tiny/bf16/decoder_layer/prefill/batch=1,q_len=16,kv_len=16"}) {
    EXPECT_EQ(unique.count(name), 1u) << name;
  }
  // 2 dtypes x 2 phases x 2 batches x 3 lengths, each with three blocks and the whole step.
  EXPECT_EQ(std::count_if(names.begin(), names.end(),
                          [](const std::string& n) { return n.rfind("tiny/", 0) == 0; }),
            2 * 2 * 2 * 3 * 4);
}

TEST(SweepPlan, OpsAloneAreKernels) {
  const PlannedSweep all = planned({"--ops", "attention", "--phase", "decode"});
  ASSERT_EQ(all.cases.size(), 2u);
  EXPECT_EQ(all.cases[0].kind, "attention_scores");
  EXPECT_EQ(all.cases[1].kind, "attention_values");
  const PlannedSweep both =
      planned({"--ops", "attention", "--phase", "decode", "--level", "kernel,model"});
  EXPECT_EQ(both.cases.size(), 2u + 4u);
}

TEST(SweepPlan, WhatIsTooLargeIsARowWithItsReason) {
  const PlannedSweep all = planned({"--model", "7b", "--batch", "64", "--seq", "8192", "--phase",
                                    "prefill", "--ops", "attention_scores,residual_add,linear"});
  std::set<std::string> kinds;
  for (const SweepCase& c : all.cases) {
    kinds.insert(c.kind);
    ASSERT_FALSE(c.rows.empty()) << c.name;
    // The logits of 64 last tokens are too much for the emulated device alone.
    const bool logits = c.name.rfind("linear/fp16/m=64,n=32000,", 0) == 0;
    const bool fits = logits && properties().kind == DeviceKind::kCuda;
    for (const SweepRow& row : c.rows) {
      if (fits) {
        EXPECT_NE(row.skip.rfind("too large", 0), 0u) << row.name << ": " << row.skip;
        continue;
      }
      EXPECT_NE(row.skip, "") << row.name;
      reports::Row written = row.identity;
      written.set("status", "SKIP").set("reason", row.skip);
      written.set("row_id", reports::make_row_id(written)).set("schema_version", 1);
      written.set("utc", reports::utc_now());
      EXPECT_EQ(written.problem(), "") << row.name;
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"attention_scores", "linear", "residual_add"}));
}

TEST(SweepPlan, ModelsSayWhatTheyCannotRun) {
  for (const SweepCase& c : planned({"--seq", "300", "--level", "model"}).cases) {
    for (const SweepRow& row : c.rows) {
      EXPECT_EQ(row.skip, "300 tokens are past the model's context of 256") << row.name;
    }
  }
  // 9 TB of keys and values, which no device has.
  const bool emulated = properties().kind == DeviceKind::kEmulated;
  const std::string expected =
      emulated ? "too large for the emulated device: an engine of " : "its engine would take ";
  const PlannedSweep large =
      planned({"--seq", "4096", "--batch", "4096", "--model", "7b", "--level", "model"});
  ASSERT_FALSE(large.cases.empty());
  for (const SweepCase& c : large.cases) {
    for (const SweepRow& row : c.rows) {
      EXPECT_EQ(row.skip.rfind(expected, 0), 0u) << row.name << ": " << row.skip;
    }
  }
}

TEST(SweepPlan, SaysWhichOpsHaveNoRows) {
  const PlannedSweep all = planned({"--model", "7b", "--ops", "kv_broadcast", "--batch", "1"});
  EXPECT_TRUE(all.cases.empty());
  ASSERT_EQ(all.notes.size(), 1u);
  EXPECT_NE(all.notes[0].find("kv_broadcast has no rows at 7b's shapes"), std::string::npos);
}

TEST(SweepPlan, LimitsAreOfElementsOperationsAndMemory) {
  const Case c = make_case("rms_norm/fp16/rows=64,width=64", all_families(), ShapeSet::kSweep);
  EXPECT_EQ(too_large(c, {4096, 1e12, 1e12}), "");
  EXPECT_NE(too_large(c, {4095, 1e12, 1e12}).find("x has 4096 elements"), std::string::npos);
  EXPECT_NE(too_large(c, {4096, 10, 1e12}).find("operations"), std::string::npos);
  EXPECT_NE(too_large(c, {4096, 1e12, 1e5}).find("in float64"), std::string::npos);
}

TEST(SweepPlan, FullHasEveryOpVersionAndDtype) {
  const SweepPlan plan = preset_plan("full", DeviceKind::kCuda);
  std::set<std::string> versions;
  std::map<std::string, std::set<DType>> dtypes;
  std::map<Phase, std::set<std::pair<int, int>>> points;
  for (const GridPart& part : plan.kernels) {
    ASSERT_FALSE(part.ops.empty());
    const ModelConfig config = preset_config(part.model);
    for (const std::string& op : part.ops) {
      find_family(all_families(), op);
      EXPECT_EQ(why_absent(op, config), "") << op << " at " << part.model;
      dtypes[op].insert(part.dtypes.begin(), part.dtypes.end());
    }
    for (const WorkPoint& p : part.points) points[p.phase].insert({p.batch, p.seq});
  }
  for (const CaseFamily& family : all_families()) {
    EXPECT_EQ(dtypes[family.op].size(), 3u) << family.op;
  }
  for (const auto& point : {std::pair(1, 128), {1, 8192}, {8, 1024}, {64, 1024}}) {
    EXPECT_EQ(points[Phase::kDecode].count(point), 1u) << point.first << " x " << point.second;
  }
  for (const auto& point : {std::pair(1, 128), {1, 2048}, {1, 8192}, {8, 512}}) {
    EXPECT_EQ(points[Phase::kPrefill].count(point), 1u) << point.first << " x " << point.second;
  }
  EXPECT_EQ(plan.kernel_sets, (std::vector<std::string>{"best", "baseline"}));
  ASSERT_FALSE(plan.models.empty());
  EXPECT_INPUT_ERROR(preset_plan("huge", DeviceKind::kCuda), "'huge' is none of smoke, ci");
}

TEST(SweepPlan, OrderComesFromTheSeedAndKeepsModelsTogether) {
  const auto cases = [](std::uint64_t seed) {
    std::vector<SweepCase> all;
    for (int i = 0; i < 60; ++i) {
      SweepCase c;
      c.name = std::to_string(i);
      if (i % 3 == 1) c.kept = {"fp16", i % 2 == 0 ? "decode" : "prefill"};
      if (i % 3 == 2) c.kept = {"bf16", i % 2 == 0 ? "decode" : "prefill"};
      all.push_back(std::move(c));
    }
    shuffle(all, seed);
    return all;
  };
  const std::vector<SweepCase> one = cases(1);
  EXPECT_EQ(names_of(one), names_of(cases(1)));
  EXPECT_NE(names_of(one), names_of(cases(2)));
  std::vector<std::string> sorted = names_of(one);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::set<std::string>(sorted.begin(), sorted.end()).size(), 60u);
  EXPECT_FALSE(std::is_sorted(one.begin(), one.end(), [](const auto& a, const auto& b) {
    return std::stoi(a.name) < std::stoi(b.name);
  }));
  for (const std::size_t depth : {1u, 2u}) {  // each group comes up once, without a break
    std::set<std::vector<std::string>> ended;
    std::vector<std::string> current{"none"};
    for (const SweepCase& c : one) {
      std::vector<std::string> group = c.kept;
      group.resize(std::min(depth, group.size()));
      if (group == current) continue;
      EXPECT_TRUE(ended.insert(current).second);
      EXPECT_EQ(ended.count(group), 0u) << c.name;
      current = group;
    }
  }
}

TEST(SweepPlan, ARowIsTheSameAsItsCaseAlone) {
  for (const SweepCase& c : planned({"--batch", "2", "--seq", "64", "--level", "kernel"}).cases) {
    const PlannedSweep alone = planned({"--case", c.name.c_str()});
    ASSERT_EQ(alone.cases.size(), 1u) << c.name;
    ASSERT_EQ(alone.cases[0].rows.size(), c.rows.size());
    for (std::size_t i = 0; i < c.rows.size(); ++i) {
      EXPECT_EQ(reports::make_row_id(alone.cases[0].rows[i].identity),
                reports::make_row_id(c.rows[i].identity))
          << c.rows[i].name;
    }
  }
}

TEST(SweepOptions, RefuseWhatContradictsItself) {
  EXPECT_INPUT_ERROR(parse({"--set", "full", "--batch", "2"}), "--set has its own shapes");
  EXPECT_INPUT_ERROR(parse({"--case", "a", "--ops", "linear"}), "--case names its own");
  EXPECT_INPUT_ERROR(parse({"--set", "full", "--model", "13b"}), "--set full is of 7B");
  EXPECT_INPUT_ERROR(parse({"--phase", "encode"}), "'encode' is none of prefill, decode, both");
  EXPECT_INPUT_ERROR(parse({"--dtype", "fp8"}), "'fp8' is none of");
  EXPECT_INPUT_ERROR(parse({"--batch", "1,0"}), "--batch: 0 is not 1 to", "character 3");
  EXPECT_INPUT_ERROR(parse({"--seq", "1-"}), "--seq: expected a whole number");
  EXPECT_INPUT_ERROR(parse({"--level", "planet"}), "'planet' is neither");
  EXPECT_INPUT_ERROR(parse({"--model", "900b"}), "unknown preset");
  EXPECT_INPUT_ERROR(parse({"--kernels", "rms_norm=v9_dream"}), "no version 'v9_dream'");
  EXPECT_INPUT_ERROR(parse({"--progress", "soon"}), "--progress is 'soon'");
}

TEST(SweepOptions, DtypesNarrowASetAndKeepItsIntegers) {
  const PlannedSweep all = planned({"--set", "smoke", "--dtype", "bf16", "--level", "kernel"});
  std::set<std::string> dtypes;
  for (const SweepCase& c : all.cases) dtypes.insert(c.rows.at(0).identity.text("dtype"));
  EXPECT_EQ(dtypes, (std::set<std::string>{"bf16", "i32", "u8"}));
  for (const GridPart& part :
       parse({"--set", "full", "--dtype", "fp32"}, DeviceKind::kCuda).plan.kernels) {
    for (const DType dtype : part.dtypes) EXPECT_EQ(dtype, DType::kF32);
  }
}

}  // namespace
}  // namespace assay::suites
