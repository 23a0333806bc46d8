#include "reference/llama.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kernels/device/error.h"
#include "reference/files.h"
#include "reference/hashed_checkpoint.h"

namespace assay::reference {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json tiny_config() {
  return {{"model_type", "llama"},    {"vocab_size", 32},
          {"hidden_size", 16},        {"intermediate_size", 24},
          {"num_hidden_layers", 2},   {"num_attention_heads", 4},
          {"num_key_value_heads", 2}, {"max_position_embeddings", 8},
          {"rms_norm_eps", 1e-5},     {"rope_theta", 10000.0},
          {"torch_dtype", "bfloat16"}};
}

const at::Tensor& tokens() {
  static const at::Tensor ids = at::tensor(std::vector<std::int64_t>{1, 9, 4, 30, 7});
  return ids;
}

class ReferenceLlama : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("assay_llama_" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Llama make(const json& config, at::ScalarType dtype = at::kDouble) {
    write_hashed_checkpoint(config.dump(), folder_);
    return load(folder_, dtype);
  }
  void expect_refused(const std::string& reason) {
    try {
      load(folder_, at::kFloat);
      FAIL() << "was loaded in spite of: " << reason;
    } catch (const InputError& e) {
      EXPECT_NE(std::string(e.what()).find(reason), std::string::npos) << e.what();
    }
  }

  fs::path folder_;
};

TEST_F(ReferenceLlama, TapsNameEveryIntermediateInOrder) {
  const Llama model = make(tiny_config());
  std::vector<std::string> names;
  std::map<std::string, at::Tensor> taps;
  const at::Tensor logits =
      model.forward(tokens(), [&](const std::string& name, const at::Tensor& x) {
        names.push_back(name);
        taps[name] = x;
      });
  std::vector<std::string> want{"embedding"};
  for (const std::string layer : {"layer.0.", "layer.1."}) {
    for (const char* tap : {"norm", "qkv", "rope", "scores", "values", "output", "residual"}) {
      want.push_back(layer + "attention." + tap);
    }
    for (const char* tap : {"norm", "gate_up", "swiglu", "down", "residual"}) {
      want.push_back(layer + "feed_forward." + tap);
    }
  }
  want.insert(want.end(), {"final.norm", "logits"});
  EXPECT_EQ(names, want);
  EXPECT_EQ(taps["layer.0.attention.qkv"].sizes(), (at::IntArrayRef{5, 32}));
  EXPECT_EQ(taps["layer.1.attention.scores"].sizes(), (at::IntArrayRef{4, 5, 5}));
  EXPECT_EQ(taps["layer.1.attention.values"].sizes(), (at::IntArrayRef{5, 16}));
  EXPECT_EQ(taps["layer.0.feed_forward.gate_up"].sizes(), (at::IntArrayRef{5, 48}));
  EXPECT_EQ(logits.sizes(), (at::IntArrayRef{5, 32}));
  EXPECT_TRUE(at::equal(taps["logits"], logits));

  const at::Tensor layer = model.decoder_layer(1, taps["layer.0.feed_forward.residual"]);
  EXPECT_TRUE(at::equal(layer, taps["layer.1.feed_forward.residual"]));
  EXPECT_TRUE(
      at::equal(model.attention_block(0, taps["embedding"]), taps["layer.0.attention.residual"]));
  EXPECT_TRUE(at::equal(model.feed_forward_block(0, taps["layer.0.attention.residual"]),
                        taps["layer.0.feed_forward.residual"]));
}

TEST_F(ReferenceLlama, LooksBackAndNeverAhead) {
  const Llama model = make(tiny_config());
  const at::Tensor whole = model.forward(tokens());
  EXPECT_TRUE(at::allclose(model.forward(tokens().narrow(0, 0, 3)), whole.narrow(0, 0, 3)));
  at::Tensor other = tokens().clone();
  other[0] = 2;
  EXPECT_FALSE(at::allclose(model.forward(other)[4], whole[4]));
}

TEST_F(ReferenceLlama, RunsInEveryDtype) {
  const at::Tensor truth = make(tiny_config()).forward(tokens());
  const std::pair<at::ScalarType, double> bounds[] = {
      {at::kFloat, 1e-5}, {at::kHalf, 2e-2}, {at::kBFloat16, 2e-1}};
  for (const auto& [dtype, bound] : bounds) {
    const at::Tensor logits = load(folder_, dtype).forward(tokens());
    EXPECT_EQ(logits.scalar_type(), dtype);
    const double error = (logits.to(at::kDouble) - truth).abs().max().item<double>();
    EXPECT_LT(error, bound) << c10::toString(dtype);
    EXPECT_GT(error, 0.0) << c10::toString(dtype);
  }
}

TEST_F(ReferenceLlama, GreedyStops) {
  const Llama model = make(tiny_config());
  const auto five = model.greedy({1, 9}, 5);
  ASSERT_EQ(five.size(), 5u);
  EXPECT_EQ(
      model.forward(at::tensor(std::vector<std::int64_t>{1, 9}))[1].argmax().item<std::int64_t>(),
      five[0]);
  const auto stopped = model.greedy({1, 9}, 5, five[0]);
  EXPECT_EQ(stopped, (std::vector<std::int64_t>{five[0]}));
}

TEST_F(ReferenceLlama, DynamicScalingFollowsTheLengthSoFar) {
  json config = tiny_config();
  config["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2.0}};
  const Llama model = make(config);
  const at::Tensor at_8 = rope_inv_freq(model.config, 8);
  EXPECT_TRUE(at::equal(rope_inv_freq(model.config, 3), at_8));
  const at::Tensor at_12 = rope_inv_freq(model.config, 12);  // D 4: theta * (2*12/8 - 1)^2
  EXPECT_FLOAT_EQ(at_12[1].item<float>(), std::pow(10000.0 * 4.0, -0.5));
  const at::Tensor ids = at::arange(12);
  EXPECT_TRUE(at::allclose(model.forward(ids, {}, 12), model.forward(ids)));
  EXPECT_FALSE(at::allclose(model.forward(ids, {}, 5), model.forward(ids)));
}

TEST_F(ReferenceLlama, GradientsReachEveryWeight) {
  json config = tiny_config();
  config["attention_bias"] = config["mlp_bias"] = true;
  const Llama model = make(config);
  for (const at::Tensor& p : model.parameters()) p.set_requires_grad(true);
  model.forward(tokens()).square().sum().backward();
  EXPECT_EQ(model.parameters().size(), 3u + 2u * 10u);
  for (const at::Tensor& p : model.parameters())
    EXPECT_GT(p.grad().abs().max().item<double>(), 0.0);
}

TEST_F(ReferenceLlama, WeightsSurviveMergingAndSplitting) {
  json config = tiny_config();
  config["attention_bias"] = config["mlp_bias"] = true;
  const Llama model = make(config, at::kBFloat16);
  const TensorMap split = model.to_hugging_face();
  const TensorMap stored = read_safetensors(folder_ / "model.safetensors");
  ASSERT_EQ(split.size(), stored.size());
  for (const auto& [name, tensor] : stored) EXPECT_TRUE(at::equal(split.at(name), tensor)) << name;
}

TEST_F(ReferenceLlama, ReadsShards) {
  const at::Tensor whole = make(tiny_config()).forward(tokens());
  TensorMap shards[2];
  json index;
  for (const auto& [name, tensor] : read_safetensors(folder_ / "model.safetensors")) {
    const std::size_t shard = index["weight_map"].size() % 2;
    shards[shard][name] = tensor;
    index["weight_map"][name] = "part-" + std::to_string(shard);
  }
  write_safetensors(folder_ / "part-0", shards[0]);
  write_safetensors(folder_ / "part-1", shards[1]);
  write_file(folder_ / "model.safetensors.index.json", index.dump());
  fs::remove(folder_ / "model.safetensors");
  EXPECT_TRUE(at::equal(load(folder_, at::kDouble).forward(tokens()), whole));
  fs::remove(folder_ / "part-1");
  expect_refused("part-1");
}

TEST_F(ReferenceLlama, BothGenerationsOfConfigMeanTheSame) {
  json config = tiny_config();
  config["rope_theta"] = 500.0;
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  const Config old = parse_config(config.dump(), "old");
  config.erase("rope_theta");
  config.erase("rope_scaling");
  config.erase("torch_dtype");
  config["dtype"] = "bfloat16";
  config["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 500.0}};
  const Config v5 = parse_config(config.dump(), "v5");
  EXPECT_EQ(v5.dtype, old.dtype);
  EXPECT_TRUE(at::equal(rope_inv_freq(v5, 5), rope_inv_freq(old, 5)));
  EXPECT_FLOAT_EQ(rope_inv_freq(v5, 5)[1].item<float>(), std::pow(500.0, -0.5) / 2);
}

TEST_F(ReferenceLlama, RefusesConfigsItCannotFollow) {
  const std::pair<const char*, json> changes[] = {
      {"rope scaling yarn", {{"rope_scaling", {{"type", "yarn"}, {"factor", 2.0}}}}},
      {"field factor is missing", {{"rope_scaling", {{"type", "linear"}}}}},
      {"model_type gpt2", {{"model_type", "gpt2"}}},
      {"hidden_act gelu", {{"hidden_act", "gelu"}}},
      {"field vocab_size is missing", {{"vocab_size", nullptr}}},
      {"wrong type", {{"hidden_size", "wide"}}}};
  for (const auto& [reason, change] : changes) {
    json config = tiny_config();
    config.update(change);
    fs::create_directories(folder_);
    write_file(folder_ / "config.json", config.dump());
    expect_refused(reason);
  }
  write_file(folder_ / "config.json", "{");
  expect_refused("not a JSON object");
}

TEST_F(ReferenceLlama, RefusesMissingAndMisshapenTensors) {
  make(tiny_config());
  TensorMap tensors = read_safetensors(folder_ / "model.safetensors");
  tensors["model.norm.weight"] = at::ones({17});
  write_safetensors(folder_ / "model.safetensors", tensors);
  expect_refused("tensor model.norm.weight has shape (17), the config asks for (16)");
  tensors.erase("model.norm.weight");
  write_safetensors(folder_ / "model.safetensors", tensors);
  expect_refused("tensor model.norm.weight is missing");
  fs::remove(folder_ / "config.json");
  expect_refused("config.json: cannot be opened");
}

}  // namespace
}  // namespace assay::reference
