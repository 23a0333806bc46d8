// LibTorch's forward pass gives what the reference gives, from the engine's weights and cache; and
// the rows of a model's step and blocks.
#include "suites/model_peer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/random_weights.h"
#include "suites/collect.h"
#include "suites/kernel_run.h"
#include "suites/model_checks.h"
#include "suites/rows.h"
#include "suites/time_models.h"

namespace assay::suites {
namespace {

constexpr int BATCH = 2;
const std::vector<int> PROMPT{5, 9, 3, 100, 42, 7, 9, 11, 64};

struct Model {
  explicit Model(DType dtype)
      : config(tiny(dtype)), weights(config, 1), llama(weights, options(dtype)) {}

  static ModelConfig tiny(DType dtype) {
    ModelConfig config = preset_config("tiny");
    config.dtype = dtype;
    return config;
  }
  static RunOptions options(DType dtype) {
    RunOptions run;
    run.dtype = dtype;
    run.max_batch = BATCH;
    run.max_seq = 16;
    run.prefill_chunk = 16;
    return run;
  }
  Verdict verdict(const std::vector<float>& logits) const {
    const Answer one =
        streamed_logits(weights, config.dtype, PROMPT, {static_cast<int>(PROMPT.size())})[0];
    HostTensor found(config.dtype, {BATCH, config.vocab_size});
    for (std::size_t i = 0; i < found.count(); ++i) found.set(i, static_cast<double>(logits.at(i)));
    return judge("logits", found, concatenate({one, one}), config.intermediate_size,
                 stream_roundings(config.num_hidden_layers - 1));
  }

  ModelConfig config;
  RandomWeights weights;
  Llama llama;
};

TEST(ModelPeer, GivesTheReferencesLogitsInPrefillAndDecode) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    Model model(dtype);
    ModelPeer prefill(model.llama, PROMPT, BATCH, static_cast<int>(PROMPT.size()));
    EXPECT_LE(model.verdict(prefill.logits()).ratio, 4.0);
    // From here on, on the cache that the prefill has left.
    ModelPeer decode(model.llama, PROMPT, BATCH, 1);
    const std::vector<float> logits = decode.logits();
    EXPECT_LE(model.verdict(logits).ratio, 4.0);
    const auto best = std::max_element(logits.begin(), logits.begin() + model.config.vocab_size);
    const std::vector<int> expected(BATCH, static_cast<int>(best - logits.begin()));
    EXPECT_EQ(decode.step(), expected);
    EXPECT_EQ(decode.step(), expected);  // the same slot again
    EXPECT_EQ(prefill.step(), expected);
  }
}

TEST(ModelPeer, ItsLogitsAreRefusedOnceTheCacheIsAnothers) {
  Model model(DType::kF32);
  std::vector<int> other = PROMPT;
  std::reverse(other.begin(), other.end() - 1);
  const ModelPeer filled(model.llama, other, BATCH, static_cast<int>(other.size()));
  const ModelPeer decode(model.llama, PROMPT, BATCH, 1);
  EXPECT_GT(model.verdict(decode.logits()).ratio, 8.0);
}

TEST(ModelPeer, ItsBlocksAreTheEngines) {
  Model model(DType::kF32);
  Llama& llama = model.llama;
  const auto engine = [&](Block block, int layer) {
    const Step step = llama.begin_step({{PROMPT, PROMPT}, {0, 0}});
    llama.embed(step);
    if (block == Block::kAttention) llama.attention_block(layer, step);
    if (block == Block::kFeedForward) llama.feed_forward_block(layer, step);
    if (block == Block::kDecoderLayer) llama.decoder_layer(layer, step);
    std::vector<float> x(BATCH * PROMPT.size() *
                         static_cast<std::size_t>(model.config.hidden_size));
    copy_to_host(x.data(), llama.x(), x.size() * sizeof(float), llama.stream());
    llama.stream().synchronize();
    return x;
  };
  const auto distance = [](const std::vector<float>& a, const std::vector<float>& b) {
    double worst = a.size() == b.size() ? 0.0 : INFINITY;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    }
    return worst;
  };
  const std::vector<Block> blocks{Block::kAttention, Block::kFeedForward, Block::kDecoderLayer};
  ModelPeer peer(llama, PROMPT, BATCH, static_cast<int>(PROMPT.size()));
  for (const Block block : blocks) {
    for (const int layer : {0, 1}) {
      peer.record_block(block, static_cast<std::size_t>(layer) + 1, 2);
      peer.replay_block();
      llama.stream().synchronize();
      for (const Block other : blocks) {
        for (const int other_layer : {0, 1}) {
          const double off = distance(peer.block_values(), engine(other, other_layer));
          if (other == block && other_layer == layer) {
            EXPECT_LT(off, 1e-6) << name_of(block) << " " << layer;
          } else {
            EXPECT_GT(off, 1e-5) << name_of(block) << " " << layer << ", " << name_of(other) << " "
                                 << other_layer;
          }
        }
      }
    }
  }
}

// Blocks run on what they leave, again and again, and append that to the cache.
TEST(TimeModels, FindsTheCacheFilledAfterTheBlocksOfAnotherShape) {
  const std::vector<WorkPoint> points{{Phase::kDecode, 1, 4}, {Phase::kDecode, 2, 8}};
  ModelStore store("tiny", DType::kF16, points, 1);
  const auto has_peer = [&](const std::optional<Block>& block, const WorkPoint& point) {
    reports::Row row = common_row("generation", 1);
    row.set("case_id", "tiny");
    std::vector<ModelRow> rows{
        {{DType::kF16, "best", true, point.batch, point.q_len(), point.seq}, &row, {}}};
    time_models(store, block, rows, 1);
    return row.has("ref_median_us");
  };
  EXPECT_TRUE(has_peer({}, points[1]));
  EXPECT_TRUE(has_peer(Block::kDecoderLayer, points[0]));
  EXPECT_TRUE(has_peer({}, points[1]));
}

TEST(TimeModels, FillsInEveryKernelSetAndLibTorch) {
  const std::vector<WorkPoint> points{{Phase::kDecode, 2, 8}, {Phase::kPrefill, 1, 8}};
  ModelStore store("tiny", DType::kF16, points, 1);
  for (const WorkPoint& point : points) {
    for (const std::optional<Block>& block : {std::optional<Block>{}, {Block::kAttention}}) {
      std::vector<reports::Row> of_sets(2, common_row("generation", 1));
      std::vector<ModelRow> rows;
      const char* sets[] = {"best", "baseline"};
      for (std::size_t i = 0; i < 2; ++i) {
        of_sets[i].set("case_id", "tiny");
        rows.push_back({{DType::kF16, sets[i], point.phase == Phase::kDecode, point.batch,
                         point.q_len(), point.seq},
                        &of_sets[i],
                        {}});
      }
      time_models(store, block, rows, 1);
      for (const ModelRow& timed : rows) {
        const reports::Row& row = *timed.row;
        EXPECT_EQ(row.text("status"), "PASS");
        EXPECT_GE(timed.samples_us.size(), SamplingPlan{}.min_samples);
        EXPECT_GT(row.real("t_median_us").value_or(0), 0.0);
        EXPECT_GT(row.real("ref_median_us").value_or(0), 0.0);
        EXPECT_GT(row.integer("launches").value_or(0), 1);
        EXPECT_EQ(row.integer("allocations"), 0);
        EXPECT_GT(row.integer("peak_mem_bytes").value_or(0), 0);
        EXPECT_EQ(row.has("tok_per_s"), !block);
        EXPECT_EQ(row.has("ttft_ms"), !block && point.phase == Phase::kPrefill);
        EXPECT_EQ(row.has("sectors_read"), counts_work());
      }
    }
  }
}

}  // namespace
}  // namespace assay::suites
