// bisect layers: which op and version, from traces made up here; and the program over verify
// itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "ci/bisect/kernel_difference.h"
#include "ci/bisect/layer_search.h"
#include "ci/bisect/tests/program_test.h"
#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr TapError FINE{true, 0.3, 0.003, 0.01};
constexpr TapError OUT{false, 12, 0.12, 0.01};

// What a model of two ops at one tap and one at the next does: `broken` is out of bound wherever it
// runs.
LayerTrace made_up(const std::string& kernels, const std::vector<MadeBy>& broken) {
  const Orders orders = orders_of(kernels);
  const auto first = [&](const char* op) { return MadeBy{op, orders.at(op).front()}; };
  TracedSide side{"model", kernels, "", false, {}};
  side.taps.push_back({0, "layer.0.attention.norm", {first("rms_norm")}, FINE, FINE});
  side.taps.push_back({0,
                       "layer.0.attention.scores",
                       {first("kv_append"), first("rope"), first("attention_scores")},
                       FINE,
                       FINE});
  side.taps.push_back({0, "layer.0.feed_forward.swiglu", {first("swiglu")}, FINE, FINE});
  LayerTrace trace{"emulated", "fp32", "model", {side}, std::nullopt, false, "", ""};
  for (std::size_t i = 0; i < trace.sides[0].taps.size(); ++i) {
    TracedTap& tap = trace.sides[0].taps[i];
    const bool bad = std::ranges::any_of(tap.made_by, [&](const MadeBy& one) {
      return std::ranges::find(broken, one) != broken.end();
    });
    if (!bad) continue;
    tap.local = tap.accumulated = OUT;
    if (!trace.culprit) trace.culprit = i;
    trace.local = true;
  }
  return trace;
}

LayerFinding search_for(const std::vector<MadeBy>& broken) {
  LayerSearch search([&](const std::string& kernels) {
    return made_up(kernels.empty() ? "best" : kernels, broken);
  });
  return search.run();
}

TEST(LayerSearch, NamesTheVersionAmongThoseThatMadeTheTap) {
  for (const char* op : {"rope", "attention_scores", "swiglu", "rms_norm"}) {
    const MadeBy broken{op, orders_of("best").at(op).front()};
    const LayerFinding finding = search_for({broken});
    EXPECT_EQ(finding.outcome, Outcome::kFound) << finding.headline;
    EXPECT_EQ(finding.blamed, std::vector<MadeBy>{broken}) << finding.headline;
  }
}

TEST(LayerSearch, IsNotSureWhereItCannotBe) {
  // kv_append has one version: it cannot be taken away, so it stays one of three.
  const LayerFinding alone = search_for({{"kv_append", "v1_token_copy"}});
  EXPECT_EQ(alone.outcome, Outcome::kUnclear) << alone.headline;
  EXPECT_EQ(alone.blamed.size(), 3U);
  // Both versions of an op that made its tap alone: that op, but no version in particular.
  const LayerFinding both = search_for({{"swiglu", "v2_vectors"}, {"swiglu", "v1_elementwise"}});
  EXPECT_EQ(both.outcome, Outcome::kFound);
  ASSERT_EQ(both.blamed.size(), 1U);
  EXPECT_FALSE(both.notes.empty()) << "that another version does not mend it was not said";
  EXPECT_EQ(search_for({}).outcome, Outcome::kNotReproducible);
}

TEST(LayerSearch, WeightsAreToBlameBetweenCheckpoints) {
  LayerTrace trace = made_up("best", {});
  trace.sides.insert(trace.sides.begin(), trace.sides[0]);
  trace.sides[1].checkpoint = "copy";
  for (TracedSide& side : trace.sides) {
    side.taps.push_back({0, "layer.0.feed_forward.down", {{"linear", "v1_blas"}}, FINE, FINE});
    side.taps.push_back({0, "layer.1.attention.qkv", {{"linear", "v1_blas"}}, FINE, FINE});
  }
  trace.sides[1].taps[3].local = OUT;
  trace.culprit = 3;
  trace.local = true;
  int runs = 0;
  LayerSearch search([&](const std::string&) {
    ++runs;
    return trace;
  });
  const LayerFinding finding = search.run();
  EXPECT_EQ(finding.outcome, Outcome::kFound);
  EXPECT_EQ(finding.weights, std::vector<std::string>{"model.layers.0.mlp.down_proj.weight"});
  EXPECT_NE(finding.headline.find("layer.0: 1 tap is"), std::string::npos) << finding.headline;
  EXPECT_EQ(runs, 1) << "no kernel is in question";
}

TEST(LayerSearch, TellsWhereTheDeviceStopped) {
  LayerTrace trace = made_up("best", {});
  trace.sides[0].problem = "the forward pass stops in step 1, after tap embedding: fault";
  trace.sides[0].stopped = true;
  const LayerFinding finding = LayerSearch([&](const std::string&) { return trace; }).run();
  EXPECT_EQ(finding.outcome, Outcome::kFound);
  EXPECT_EQ(finding.headline, trace.sides[0].problem);
}

TEST(LayerTrace, RefusesWhatVerifyDoesNotWrite) {
  for (const char* text : {"{}", R"({"format": 2})", R"({"format": 1, "sides": 3})"}) {
    EXPECT_THROW(parse_layer_trace(json::parse(text), "x.json"), InputError) << text;
  }
}

// Every tap that reads weights has some: the names are those of a checkpoint.
TEST(LayerTrace, KnowsTheWeightsOfTaps) {
  EXPECT_EQ(weights_of("layer.12.attention.output"),
            std::vector<std::string>{"model.layers.12.self_attn.o_proj.weight"});
  EXPECT_EQ(weights_of("layer.0.feed_forward.gate_up").size(), 2U);
  EXPECT_TRUE(weights_of("layer.0.attention.rope").empty());
  EXPECT_EQ(weights_of("final.norm"), std::vector<std::string>{"model.norm.weight"});
}

// ---- the program, over verify, on the shipped checkpoint
// ---------------------------------------------

class LayersProgram : public ProgramTest {};

TEST_F(LayersProgram, NamesTheLayerThatWasRounded) {
  const ProcessResult rounded =
      run_in_folder({ASSAY_LLAMA2, "round", "--model", ASSAY_SHIPPED_CHECKPOINT, "--layers", "3",
                     "--bits", "4", "--output", "rounded"});
  ASSERT_EQ(rounded.exit_code, 0) << rounded.err;
  const ProcessResult found =
      run_in_folder({ASSAY_BISECT, "layers", "--checkpoint", ASSAY_SHIPPED_CHECKPOINT,
                     "--checkpoint", "rounded", "--json", "result.json"});
  ASSERT_EQ(found.exit_code, 0) << found.out << found.err;
  const json all = result();
  EXPECT_EQ(all.at("weights").size(), 7U) << all.at("weights").dump();
  for (const json& tap : all.at("out_of_bound_by_itself")) {
    EXPECT_TRUE(tap.at("tap").get<std::string>().starts_with("layer.3.")) << tap.dump();
  }
  EXPECT_EQ(all.at("culprit").at("tap"), "layer.3.attention.qkv");
  // The folder fails still, without LibTorch's answers.
  const ProcessResult replayed =
      run_in_folder({ASSAY_VERIFY, "--replay", all.at("reproduction").get<std::string>()});
  EXPECT_EQ(replayed.exit_code, 1) << replayed.out << replayed.err;
  EXPECT_NE(replayed.out.find("it fails still, where it did"), std::string::npos) << replayed.out;
  // From the log, without running anything.
  const ProcessResult again =
      run_in_folder({ASSAY_BISECT, "layers", "--checkpoint", ASSAY_SHIPPED_CHECKPOINT,
                     "--checkpoint", "rounded", "--resume", "--json", "result.json"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.out.find("log"), std::string::npos);
  EXPECT_EQ(result().at("out_of_bound_by_itself"), all.at("out_of_bound_by_itself"));
  // Not of other weights under the same name.
  fs::last_write_time(folder() / "rounded/model.safetensors", fs::file_time_type::clock::now());
  const ProcessResult other =
      run_in_folder({ASSAY_BISECT, "layers", "--checkpoint", ASSAY_SHIPPED_CHECKPOINT,
                     "--checkpoint", "rounded", "--resume"});
  EXPECT_EQ(other.exit_code, 2) << other.out;
  EXPECT_NE(other.err.find("was asked something else: weights"), std::string::npos) << other.err;
}

TEST_F(LayersProgram, FindsNothingBetweenSoundSets) {
  const ProcessResult sound = run_in_folder(
      {ASSAY_BISECT, "layers", "--from", "baseline", "--to", "best", "--dtype", "fp16"});
  EXPECT_EQ(sound.exit_code, 1) << sound.out << sound.err;
}

TEST_F(LayersProgram, RefusesWhatItCannotUse) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--checkpoint", "nowhere"},
                                             {"--to", "rope=v9_dream"},
                                             {"--dtype", "fp8"},
                                             {"--prompt-ids", "5,many"},
                                             {"--prompt-ids", "5,99999999"},
                                             {"--decode", "100000"},
                                             {"--verify", "/no/such/verify"}}) {
    std::vector<std::string> argv{ASSAY_BISECT, "layers"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const ProcessResult refused = run_in_folder(argv);
    EXPECT_EQ(refused.exit_code, 2) << command_line(argv) << refused.out << refused.err;
  }
}

}  // namespace
}  // namespace assay::bisect
