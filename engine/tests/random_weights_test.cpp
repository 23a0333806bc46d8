#include "engine/random_weights.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>

#include "engine/files.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"
#include "engine/tests/tiny_model.h"

namespace assay {
namespace {

std::vector<float> read(const RandomWeights& weights, const std::string& name, std::int64_t first,
                        std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  weights.read(name, first, count, DType::kF32, values.data());
  return values;
}

TEST(RandomWeights, NormalEnough) {
  const RandomWeights weights(testing::tiny_config(), 3);
  const std::vector<float> values = read(weights, "lm_head.weight", 0, 200000);
  double sum = 0;
  double squares = 0;
  int far = 0;
  for (const float v : values) {
    sum += v;
    squares += static_cast<double>(v) * v;
    far += std::abs(v) > 0.04F ? 1 : 0;
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 2e-4);
  EXPECT_NEAR(std::sqrt(squares / n), 0.02, 2e-4);
  EXPECT_NEAR(far / n, 0.0455, 0.01);  // two standard deviations
  EXPECT_NEAR(read(weights, "model.norm.weight", 0, 1)[0], 1, 0.1);
}

TEST(RandomWeights, SlicesAgreeAndSeedsNamesDiffer) {
  const RandomWeights weights(testing::tiny_config(), 3);
  const std::vector<float> whole = read(weights, "lm_head.weight", 0, 5000);
  const std::vector<float> slice = read(weights, "lm_head.weight", 1500, 2000);
  EXPECT_TRUE(std::equal(slice.begin(), slice.end(), whole.begin() + 1500));
  EXPECT_NE(whole, read(weights, "model.embed_tokens.weight", 0, 5000));
  EXPECT_NE(whole, read(RandomWeights(testing::tiny_config(), 4), "lm_head.weight", 0, 5000));
}

TEST(WriteCheckpoint, IsReproducible) {
  const testing::TemporaryFolder folder;
  const RandomWeights weights(testing::tiny_config(), 5);
  write_checkpoint(folder / "a", weights, 0);
  write_checkpoint(folder / "b", weights, 0);
  EXPECT_EQ(read_text_file(folder / "a/model.safetensors"),
            read_text_file(folder / "b/model.safetensors"));
}

TEST(WriteCheckpoint, RefusesWhatItWouldOverwrite) {
  const testing::TemporaryFolder folder;
  const RandomWeights weights(testing::tiny_config(), 5);
  testing::write_file(folder / "file", "");
  EXPECT_INPUT_ERROR(write_checkpoint(folder / "file", weights, 0), "file");
  write_checkpoint(folder / "model", weights, 0);
  EXPECT_INPUT_ERROR(write_checkpoint(folder / "model", weights, 0), "model", "config.json");
  EXPECT_NO_THROW(Checkpoint(folder / "model"));  // what an earlier run made stays
}

// Ends the process at the first weight.
class KillingWeights final : public WeightSource {
 public:
  const ModelConfig& config() const override { return config_; }
  void read(const std::string&, std::int64_t, std::int64_t, DType, void*) const override {
    ::kill(::getpid(), SIGKILL);
  }

 private:
  ModelConfig config_ = testing::tiny_config();
};

TEST(WriteCheckpoint, WritesOverWhatAKilledRunLeft) {
  const testing::TemporaryFolder folder;
  const std::map<std::string, std::string> others{{"tokenizer.model", "pieces"}};
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_checkpoint(folder / "model", KillingWeights(), 0, others);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  write_checkpoint(folder / "model", RandomWeights(testing::tiny_config(), 5), 0, others);
  EXPECT_EQ(read_text_file(folder / "model/tokenizer.model"), "pieces");
  EXPECT_NO_THROW(Checkpoint(folder / "model"));
}

}  // namespace
}  // namespace assay
