// verify --layers as a person calls it, and what a test leaves in which the device stops.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "suites/tests/command.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

class VerifyLayers : public testing::Test {
 protected:
  VerifyLayers() { fs::create_directories(folder_); }
  ~VerifyLayers() override { fs::remove_all(folder_); }
  Answer verify(const std::string& arguments) const {
    return run("cd " + folder_.string() + " && " + ASSAY_VERIFY + " " + arguments);
  }
  const fs::path folder_ = fs::path(testing::TempDir()) / "assay-layers-test";
};

TEST_F(VerifyLayers, WritesEveryTapOfBothSides) {
  const Answer answer = verify(
      "--layers --from baseline --dtype fp16 --prompt-ids 1,5,9 --prompt-ids 7 "
      "--json taps.json");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  std::ifstream in(folder_ / "taps.json");
  const nlohmann::json all = nlohmann::json::parse(in);
  EXPECT_TRUE(all.at("culprit").is_null());
  ASSERT_EQ(all.at("sides").size(), 2U);
  EXPECT_EQ(all.at("steps").size(), 3U);
  EXPECT_EQ(all["steps"][0].at("tokens"), 4);
  for (const nlohmann::json& side : all["sides"]) {
    EXPECT_EQ(side.at("problem"), "");
    EXPECT_EQ(side.at("taps").size() % 3, 0U);
    for (const nlohmann::json& tap : side.at("taps")) {
      EXPECT_TRUE(tap.at("local").at("in_bound").get<bool>()) << tap.dump();
      EXPECT_FALSE(tap.at("made_by").empty()) << tap.dump();
    }
  }
  EXPECT_NE(all["sides"][0]["taps"], all["sides"][1]["taps"]) << "both sides ran the same kernels";
}

// The shipped checkpoint, whose last tensor, the final norm's weights, is this bf16 number.
std::string with_final_norm(const fs::path& copy, std::string_view number) {
  fs::copy(ASSAY_SHIPPED_CHECKPOINT, copy, fs::copy_options::recursive);
  const fs::path weights = copy / "model.safetensors";
  fs::permissions(weights, fs::perms::owner_all);
  std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-128 * 2, std::ios::end);
  for (int i = 0; i < 128; ++i) file << number;
  return copy.string();
}

TEST_F(VerifyLayers, RefusesATruthThatIsNotFinite) {
  const std::string nan = with_final_norm(folder_ / "nan", "\xff\x7f");
  expect_refused(std::string(ASSAY_VERIFY) + " --layers --checkpoint " + nan,
                 "the reference has values that are not finite from final.norm of sequence 0 on");
}

TEST_F(VerifyLayers, RefusesADtypeInWhichLibTorchOverflows) {
  const std::string large = with_final_norm(folder_ / "large", "\xea\x46");  // 29952
  const std::string small = with_final_norm(folder_ / "small", std::string_view("\0\0", 2));
  expect_refused(std::string(ASSAY_VERIFY) + " --layers --dtype fp16 --checkpoint " + large +
                     " --checkpoint " + small,
                 "LibTorch at fp16 has values that are not finite from final.norm");
}

TEST_F(VerifyLayers, TellsADivergenceWhoseFolderCannotBeWritten) {
  const std::string zero = with_final_norm(folder_ / "zero", std::string_view("\0\0", 2));
  const std::string nowhere = " --repro /proc/none";
  const Answer answer =
      verify(std::string("--layers --checkpoint ") + ASSAY_SHIPPED_CHECKPOINT + " --checkpoint " +
             zero + " --prompt-ids 1,5 --decode 0 --json taps.json" + nowhere);
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_NE(answer.output.find("born at: final.norm"), std::string::npos) << answer.output;
  EXPECT_NE(answer.output.find("no reproduction: /proc/none"), std::string::npos) << answer.output;
  std::ifstream in(folder_ / "taps.json");
  const nlohmann::json all = nlohmann::json::parse(in);
  EXPECT_FALSE(all.at("culprit").is_null());
  EXPECT_EQ(all.at("reproduction"), "");

  const Answer stopped = verify(
      "--set smoke --kernels linear=v3_vector --gtest_filter=layer.local/gqa/fp32/best" + nowhere);
  EXPECT_EQ(stopped.exit_code, 1) << stopped.output;
  EXPECT_NE(stopped.output.find("the forward pass stops in step 0"), std::string::npos)
      << stopped.output;
}

TEST_F(VerifyLayers, RefusesWhatItCannotUse) {
  expect_refused(std::string(ASSAY_VERIFY) + " --layers --checkpoint /no/such/folder",
                 "/no/such/folder");
  expect_refused(std::string(ASSAY_VERIFY) + " --layers --gtest_filter='*'", "unknown argument");
  expect_refused(std::string(ASSAY_VERIFY) + " --layers --dtype fp8", "fp8");
  expect_refused(std::string(ASSAY_VERIFY) + " --layers --prompt-ids 5,x", "'x' is no token id");
  expect_refused(std::string(ASSAY_VERIFY) + " --json taps.json", "--layers");
}

// No version of this set takes a prefill, which the engine tells as it would a fault of the device.
const std::string A_TEST_THAT_STOPS =
    "--set smoke --kernels linear=v3_vector --repro repro "
    "--gtest_filter=layer.local/gqa/fp32/best";

TEST_F(VerifyLayers, ATestInWhichTheDeviceStopsLeavesAFolder) {
  const Answer answer = verify(A_TEST_THAT_STOPS);
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  EXPECT_NE(answer.output.find("the forward pass stops in step 0"), std::string::npos)
      << answer.output;
  const fs::path repro = folder_ / "repro/layer.local_gqa_fp32_best";
  ASSERT_TRUE(fs::exists(repro / "manifest.json")) << answer.output;
  const Answer replayed = verify("--replay " + repro.string());
  EXPECT_EQ(replayed.exit_code, 1) << replayed.output;
  EXPECT_NE(replayed.output.find("the forward pass stops"), std::string::npos) << replayed.output;
  // A folder that lists nothing has nothing that could be found damaged.
  std::ifstream in(repro / "manifest.json");
  nlohmann::json manifest = nlohmann::json::parse(in);
  manifest["files"] = nlohmann::json::object();
  std::ofstream(repro / "manifest.json") << manifest;
  expect_refused(std::string(ASSAY_VERIFY) + " --replay " + repro.string(), "folder is damaged");
}

TEST_F(VerifyLayers, AReproductionReplacesNothingElse) {
  const fs::path repro = folder_ / "repro/layer.local_gqa_fp32_best";
  fs::create_directories(repro);
  EXPECT_EQ(verify(A_TEST_THAT_STOPS).exit_code, 1);
  ASSERT_TRUE(fs::exists(repro / "manifest.json")) << "an empty folder is replaced";
  std::ofstream(repro / "stale") << "of an earlier run";
  EXPECT_EQ(verify(A_TEST_THAT_STOPS).exit_code, 1);
  EXPECT_FALSE(fs::exists(repro / "stale")) << "a reproduction is replaced";
  for (const char* manifest : {"{}", "[1]", "mine", R"({"format": 1, "files": ["mine"]})"}) {
    std::ofstream(repro / "manifest.json") << manifest;
    const Answer answer = verify(A_TEST_THAT_STOPS);
    EXPECT_EQ(answer.exit_code, 1) << answer.output;
    EXPECT_NE(answer.output.find("a reproduction belongs there"), std::string::npos)
        << answer.output;
    std::string left;
    std::ifstream in(repro / "manifest.json");
    std::getline(in, left);
    EXPECT_EQ(left, manifest);
  }
}

}  // namespace
}  // namespace assay::suites
