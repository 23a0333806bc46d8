// The first divergence, seen to be found: faults put behind every tap in turn, a checkpoint with
// one weight changed, and what became of the folder that was written.
#include "suites/divergence.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "engine/safetensors.h"
#include "kernels/device/error.h"
#include "suites/model_checks.h"
#include "suites/models.h"
#include "suites/repro.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

const TestModel& gqa() {
  for (const TestModel& model : test_models(ShapeSet::kSmoke)) {
    if (model.name == "gqa") return model;
  }
  throw Error("there is no model gqa");
}

// Gone at the end of the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("assay-divergence-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

struct Outcome {
  int exit_code = -1;
  std::string output;
};

Outcome replay_with_verify(const fs::path& folder) {
  Outcome outcome;
  FILE* pipe =
      ::popen((std::string(ASSAY_VERIFY) + " --replay " + folder.string() + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    outcome.output.append(buffer, n);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

// Two sequences prefilled, and one decode step of both.
Script small_script(DType dtype) {
  Script script;
  script.dtype = dtype;
  script.max_batch = 2;
  script.steps = steps_of({{5, 9, 11, 70, 33}, {8, 6, 7}}, {4, 2}, 512);
  return script;
}

Tamper scale_tap(const std::string& name, double factor) {
  return [=](const Tap& tap, const Stream& stream) {
    if (tap.name != name) return;
    HostTensor whole = download(tap.data, tap.dtype, {tap.shape.begin(), tap.shape.end()}, stream);
    for (std::size_t i = 0; i < whole.count(); ++i) whole.set(i, whole.get(i) * factor);
    copy_to_device(tap.data, whole.bytes.data(), whole.bytes.size(), stream);
    stream.synchronize();
  };
}

// A copy of a checkpoint with row 0 of one weight made larger.
void copy_with_fault(const fs::path& from, const fs::path& to, const std::string& weight,
                     float factor) {
  fs::create_directories(to);
  fs::copy_file(from / "config.json", to / "config.json");
  const Checkpoint checkpoint(from);
  std::vector<SafetensorsWrite> tensors;
  for (const WeightSpec& spec : expected_weights(checkpoint.config())) {
    tensors.push_back({spec.name, DType::kF32, spec.shape});
  }
  write_safetensors(to / "model.safetensors", tensors,
                    [&](std::size_t index, std::int64_t first, std::int64_t count, void* out) {
                      checkpoint.read(tensors[index].name, first, count, DType::kF32, out);
                      if (tensors[index].name != weight) return;
                      auto* values = static_cast<float*>(out);
                      for (std::int64_t i = 0; i < count; ++i) {
                        if (first + i < tensors[index].shape[1]) values[i] *= factor;
                      }
                    });
}

class Divergence : public testing::TestWithParam<DType> {};

TEST_P(Divergence, NamesEveryTapThatIsTamperedWith) {
  const ModelOracle oracle(gqa().folder, GetParam());
  const Checkpoint checkpoint(gqa().folder);
  const Script script = small_script(GetParam());
  const Truths truths = ask(oracle, script);
  const Trace sound = run_trace(script, checkpoint, truths);
  ASSERT_EQ(sound.problem, "");
  ASSERT_EQ(sound.first(), nullptr) << describe_divergence(sound);

  for (const TapTruth& tap : truths.stretches[0]) {
    const Trace trace = run_trace(script, checkpoint, truths, scale_tap(tap.name, 1.1));
    ASSERT_NE(trace.first(), nullptr) << tap.name;
    EXPECT_EQ(trace.first()->name, tap.name);
    EXPECT_EQ(trace.first()->step, 0U) << tap.name;
    EXPECT_FALSE(trace.first()->local.pass) << tap.name;
    // No other op of the step is blamed: each is fed the reference's input.
    for (const TapTrace& other : trace.taps) {
      EXPECT_TRUE(other.local.pass || other.name == tap.name) << tap.name << ", " << other.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Divergence, testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST(FirstDivergence, TellsErrorsBornFromErrorsCarried) {
  const ModelOracle oracle(gqa().folder, DType::kF32);
  const Checkpoint checkpoint(gqa().folder);
  const Script script = small_script(DType::kF32);
  const Truths truths = ask(oracle, script);
  const Trace trace =
      run_trace(script, checkpoint, truths, scale_tap("layer.1.attention.rope", 1.1));
  const std::string text = describe_divergence(trace);
  EXPECT_NE(text.find("first divergence: layer.1.attention.rope, step 0, made by rope v"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("born here"), std::string::npos) << text;
  const auto carried = std::find_if(trace.taps.begin(), trace.taps.end(), [](const TapTrace& tap) {
    return tap.name == "layer.1.attention.output";
  });
  EXPECT_FALSE(carried->accumulated.pass);
  EXPECT_TRUE(carried->local.pass);
}

TEST(FirstDivergence, NamesTheVersionThatTheKernelSetChose) {
  const ModelOracle oracle(gqa().folder, DType::kF32);
  const Checkpoint checkpoint(gqa().folder);
  Script script = small_script(DType::kF32);
  const Truths truths = ask(oracle, script);
  for (const std::string version : {"v1_pairs", "v2_shared_angles"}) {
    script.kernels = "best,rope=" + version;
    const Trace trace =
        run_trace(script, checkpoint, truths, scale_tap("layer.0.attention.rope", 1.1));
    ASSERT_NE(trace.first(), nullptr);
    EXPECT_EQ(names_of(trace.first()->launched), "rope " + version);
  }
}

TEST(FirstDivergence, OfAStepWithinAGenerationIsFoundThere) {
  const ModelOracle oracle(gqa().folder, DType::kF32);
  const Checkpoint checkpoint(gqa().folder);
  const Script script = small_script(DType::kF32);
  const Truths truths = ask(oracle, script);
  const Tamper decode_only = [](const Tap& tap, const Stream& stream) {
    if (tap.name != "layer.0.feed_forward.swiglu" || tap.shape[0] != 2) return;
    scale_tap(tap.name, 1.1)(tap, stream);
  };
  const Trace trace = run_trace(script, checkpoint, truths, decode_only);
  ASSERT_NE(trace.first(), nullptr);
  EXPECT_EQ(trace.first()->name, "layer.0.feed_forward.swiglu");
  EXPECT_EQ(trace.first()->step, 1U);
}

// The engine reads a checkpoint with a fault, the reference the right one.
TEST(Reproduction, OfAWrongWeightFailsUntilItIsDamaged) {
  const Folder temporary;
  const fs::path faulty = temporary.path / "faulty";
  copy_with_fault(gqa().folder, faulty, "model.layers.1.mlp.down_proj.weight", 1.05F);
  const ModelOracle oracle(gqa().folder, DType::kF32);
  const Script script = small_script(DType::kF32);
  const Truths truths = ask(oracle, script);
  const Trace trace = run_trace(script, Checkpoint(faulty), truths);
  ASSERT_NE(trace.first(), nullptr);
  EXPECT_EQ(trace.first()->name, "layer.1.feed_forward.down");
  EXPECT_EQ(trace.first_local(), trace.first());

  const Origin origin{"layer.accumulated/gqa/fp32/best", "verify ...", 1, "gqa", faulty};
  const fs::path folder =
      write_reproduction(temporary.path / "repro", origin, script, truths, trace);
  EXPECT_EQ(folder.filename(), "layer.accumulated_gqa_fp32_best");
  fs::remove_all(faulty);  // the folder stands alone

  const Outcome fails = replay_with_verify(folder);
  EXPECT_EQ(fails.exit_code, 1) << fails.output;
  EXPECT_NE(
      fails.output.find("first divergence: layer.1.feed_forward.down, step 0, made by linear"),
      std::string::npos)
      << fails.output;
  EXPECT_NE(fails.output.find("it fails still, where it did"), std::string::npos) << fails.output;

  for (const char* file :
       {"expected.safetensors", "found.safetensors", "model/model.safetensors"}) {
    const fs::path copy = temporary.path / "damaged";
    fs::remove_all(copy);
    fs::copy(folder, copy, fs::copy_options::recursive);
    fs::resize_file(copy / file, fs::file_size(copy / file) - 5);
    const Outcome truncated = replay_with_verify(copy);
    EXPECT_EQ(truncated.exit_code, 2) << truncated.output;
    EXPECT_NE(truncated.output.find(file), std::string::npos) << truncated.output;
    fs::remove(copy / file);
    EXPECT_EQ(replay_with_verify(copy).exit_code, 2) << file;
  }
  const fs::path changed = temporary.path / "damaged" / "model" / "config.json";
  fs::copy(folder, temporary.path / "damaged",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  std::fstream(changed, std::ios::in | std::ios::out).put(' ');
  EXPECT_EQ(replay_with_verify(temporary.path / "damaged").exit_code, 2);
}

// A kernel's fault that is gone by the time of the replay, as after a fix.
TEST(Reproduction, PassesOnceTheKernelsAreRight) {
  const Folder temporary;
  const ModelOracle oracle(gqa().folder, DType::kBF16);
  const Script script = small_script(DType::kBF16);
  const Truths truths = ask(oracle, script);
  const Trace trace = run_trace(script, Checkpoint(gqa().folder), truths,
                                scale_tap("layer.0.attention.values", 1.2));
  const Origin origin{"generation.reference", "verify ...", 1, "gqa", gqa().folder};
  const fs::path folder = write_reproduction(temporary.path, origin, script, truths, trace);
  EXPECT_EQ(read_reproduction(folder).first_tap, "layer.0.attention.values");
  const Outcome passes = replay_with_verify(folder);
  EXPECT_EQ(passes.exit_code, 0) << passes.output;
  EXPECT_NE(passes.output.find("it was layer.0.attention.values"), std::string::npos)
      << passes.output;
}

TEST(Reproduction, RefusesStepsThatDoNotFitTogether) {
  const Folder temporary;
  const ModelOracle oracle(gqa().folder, DType::kF32);
  const Script script = small_script(DType::kF32);
  const Truths truths = ask(oracle, script);
  const Trace trace = run_trace(script, Checkpoint(gqa().folder), truths);
  const Origin origin{"layers", "verify ...", 1, "gqa", gqa().folder};
  const fs::path folder = write_reproduction(temporary.path, origin, script, truths, trace);
  const nlohmann::json sound = read_json_object(folder / "manifest.json");
  const auto none = nlohmann::json::array();
  const auto refused = [&](const char* field, const nlohmann::json& value) {
    nlohmann::json manifest = sound;
    manifest["steps"][0][field] = value;
    std::ofstream(folder / "manifest.json") << manifest;
    const Outcome outcome = replay_with_verify(folder);
    EXPECT_EQ(outcome.exit_code, 2) << field << value << outcome.output;
    EXPECT_NE(outcome.output.find("manifest.json: step 0: ids of"), std::string::npos)
        << field << value << outcome.output;
  };
  refused("past_lens", none);
  refused("past_lens", {0, 0, 0});
  refused("ids", none);
  refused("ids", {none, none});
  refused("ids", {{5}, {6}, {7}});
}

TEST(Reproduction, RefusesWhatIsNone) {
  const Folder temporary;
  EXPECT_EQ(replay_with_verify(temporary.path / "absent").exit_code, 2);
  std::ofstream(temporary.path / "manifest.json") << "{\"format\": 1";
  EXPECT_EQ(replay_with_verify(temporary.path).exit_code, 2);
  std::ofstream(temporary.path / "manifest.json") << "{\"format\": 99}";
  const Outcome other = replay_with_verify(temporary.path);
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.output.find("format 99"), std::string::npos) << other.output;
  std::ofstream(temporary.path / "manifest.json") << "{\"format\": 1}";
  EXPECT_EQ(replay_with_verify(temporary.path).exit_code, 2);
}

}  // namespace
}  // namespace assay::suites
