#include "engine/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"

namespace assay {
namespace {

using nlohmann::json;

json first_generation() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", 320},
          {"hidden_size", 64},
          {"intermediate_size", 160},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 8},
          {"num_key_value_heads", 2},
          {"max_position_embeddings", 128},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 5000.0},
          {"rope_scaling", nullptr},
          {"torch_dtype", "bfloat16"},
          {"hidden_act", "silu"},
          {"pretraining_tp", 1},
          {"use_cache", true},
          {"transformers_version", "4.40.0"}};
}

json second_generation() {
  json config = first_generation();
  for (const char* key : {"rope_theta", "rope_scaling", "torch_dtype"}) config.erase(key);
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5000.0}};
  config["dtype"] = "bfloat16";
  return config;
}

ModelConfig parse(const json& config) { return parse_config(config.dump(), "config.json"); }

ModelConfig parse_with(const std::string& key, const json& value) {
  json config = first_generation();
  config[key] = value;
  return parse(config);
}

TEST(Config, ReadsBothGenerationsAlike) {
  for (const json& source : {first_generation(), second_generation()}) {
    const ModelConfig config = parse(source);
    EXPECT_EQ(config.vocab_size, 320);
    EXPECT_EQ(config.hidden_size, 64);
    EXPECT_EQ(config.intermediate_size, 160);
    EXPECT_EQ(config.num_hidden_layers, 2);
    EXPECT_EQ(config.num_attention_heads, 8);
    EXPECT_EQ(config.num_key_value_heads, 2);
    EXPECT_EQ(config.head_dim, 8);
    EXPECT_EQ(config.max_position_embeddings, 128);
    EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-5F);
    EXPECT_EQ(config.rope_theta, 5000.0);
    EXPECT_EQ(config.rope_scaling, RopeScaling::kNone);
    EXPECT_EQ(config.dtype, DType::kBF16);
  }
}

TEST(Config, OptionalFieldsTakeLlamaConfigsDefaults) {
  json source = first_generation();
  for (const char* key : {"num_key_value_heads", "rope_theta", "rope_scaling", "torch_dtype"}) {
    source.erase(key);
  }
  const ModelConfig config = parse(source);
  EXPECT_EQ(config.num_key_value_heads, 8);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.rope_theta, 10000.0);
  EXPECT_FALSE(config.attention_bias);
  EXPECT_FALSE(config.mlp_bias);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_EQ(config.eos_token_ids, std::vector<int>{2});
}

TEST(Config, ReadsEveryFeature) {
  EXPECT_EQ(parse_with("head_dim", 32).attention_width(), 256);
  EXPECT_EQ(parse_with("num_key_value_heads", 1).qkv_width(), 80);
  EXPECT_TRUE(parse_with("attention_bias", true).attention_bias);
  EXPECT_TRUE(parse_with("mlp_bias", true).mlp_bias);
  EXPECT_TRUE(parse_with("tie_word_embeddings", true).tie_word_embeddings);
  EXPECT_EQ(parse_with("eos_token_id", {2, 7}).eos_token_ids, (std::vector<int>{2, 7}));
  EXPECT_EQ(parse_with("bos_token_id", nullptr).bos_token_id, -1);
  const ModelConfig linear = parse_with("rope_scaling", {{"type", "linear"}, {"factor", 2.0}});
  EXPECT_EQ(linear.rope_scaling, RopeScaling::kLinear);
  EXPECT_EQ(linear.rope_factor, 2.0);
  EXPECT_EQ(linear.context_length(), 256);
  json source = second_generation();
  source["rope_parameters"] = {{"rope_type", "dynamic"}, {"rope_theta", 1e6}, {"factor", 4.0}};
  const ModelConfig dynamic = parse(source);
  EXPECT_EQ(dynamic.rope_scaling, RopeScaling::kDynamic);
  EXPECT_EQ(dynamic.rope_factor, 4.0);
  EXPECT_EQ(dynamic.rope_theta, 1e6);
}

TEST(Config, RequiredFieldMissingIsNamed) {
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads", "max_position_embeddings", "rms_norm_eps"}) {
    json source = first_generation();
    source.erase(key);
    EXPECT_INPUT_ERROR(parse(source), "config.json", key, "missing");
    source[key] = nullptr;
    EXPECT_INPUT_ERROR(parse(source), "config.json", key, "missing");
    source[key] = "4";
    EXPECT_INPUT_ERROR(parse(source), "config.json", key, "expected a positive", "\"4\"");
    source[key] = 0;
    EXPECT_INPUT_ERROR(parse(source), "config.json", key, "expected a positive", "found 0");
  }
}

TEST(Config, WhatWouldChangeTheMathsIsRefusedByName) {
  const std::vector<std::pair<std::string, json>> refused = {
      {"model_type", "mistral"},
      {"architectures", {"MistralForCausalLM"}},
      {"hidden_act", "gelu"},
      {"pretraining_tp", 2},
      {"sliding_window", 4096},
      {"quantization_config", {{"bits", 4}}},
      {"is_encoder_decoder", true},
      {"partial_rotary_factor", 0.5},
      {"logit_scale", 0.1},
      {"torch_dtype", "float8"},
      {"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}}},
      {"rope_scaling", {{"type", "yarn"}, {"factor", 8.0}}},
      {"rope_scaling", {{"type", "linear"}}},
      {"rope_scaling", {{"type", "linear"}, {"factor", 0.5}}},
      {"rope_scaling", {{"type", "linear"}, {"rope_type", "dynamic"}, {"factor", 2.0}}},
      {"rope_scaling", {{"type", "linear"}, {"factor", 2.0}, {"beta_fast", 32}}},
      {"rope_scaling", "linear"},
      {"num_key_value_heads", 3},
      {"head_dim", 7},
      {"attention_bias", 1},
      {"eos_token_id", 320},
      {"bos_token_id", -1},
      {"rope_parameters", {{"rope_theta", 7.0}}},  // contradicts rope_theta
  };
  for (const auto& [key, value] : refused) {
    EXPECT_INPUT_ERROR(parse_with(key, value), "config.json", key);
  }
  json indivisible = first_generation();
  indivisible["hidden_size"] = 63;
  EXPECT_INPUT_ERROR(parse(indivisible), "hidden_size", "63", "8");
}

TEST(Config, NumbersThatFp32CannotHoldAreRefused) {
  for (const char* key : {"rms_norm_eps", "rope_theta"}) {
    for (const double value : {1e308, 1e39, 1e-39, 1e-300}) {
      EXPECT_INPUT_ERROR(parse_with(key, value), key, "fp32", "found");
    }
    EXPECT_NO_THROW(parse_with(key, 1e30));
  }
  EXPECT_INPUT_ERROR(parse_with("rope_scaling", {{"type", "linear"}, {"factor", 1e300}}),
                     "rope_scaling.factor", "fp32", "1e+300");
}

TEST(Config, SizesPastTheirBoundsAreRefused) {
  const std::vector<std::pair<std::string, std::string>> bounds = {
      {"num_hidden_layers", "4096"},           {"vocab_size", "16777216"},
      {"max_position_embeddings", "16777216"}, {"hidden_size", "1048576"},
      {"intermediate_size", "1048576"},        {"num_attention_heads", "1048576"},
      {"num_key_value_heads", "1048576"},      {"head_dim", "1048576"},
  };
  for (const auto& [key, most] : bounds) {
    EXPECT_INPUT_ERROR(parse_with(key, 2147483647), "'" + key + "'", "at most " + most,
                       "found 2147483647");
    EXPECT_INPUT_ERROR(parse_with(key, 18446744073709551615ULL), key, "at most");
  }
  EXPECT_EQ(parse_with("num_hidden_layers", 4096).num_hidden_layers, 4096);
  // (8 + 2 * 2) * 131072: each fits, their product does not
  EXPECT_INPUT_ERROR(parse_with("head_dim", 131072), "head_dim", "at most 1048576", "1572864");
}

TEST(Config, NestingIsBounded) {
  const auto nested = [](const std::string& open, const std::string& close, int depth) {
    std::string text = "{\"extra\": ";
    for (int i = 0; i < depth; ++i) text += open;
    text += "1";
    for (int i = 0; i < depth; ++i) text += close;
    return text + "}";
  };
  EXPECT_INPUT_ERROR(parse_config(nested("[", "]", 300000), "config.json"), "config.json",
                     "at most 64 deep");
  EXPECT_INPUT_ERROR(parse_config(nested("{\"a\":", "}", 300000), "config.json"), "64 deep");
  EXPECT_INPUT_ERROR(parse_config(nested("[", "]", 64), "config.json"), "64 deep");
  EXPECT_NO_THROW(parse_json_object(nested("[", "]", 63), "here"));
  EXPECT_NO_THROW(parse_json_object(R"({"\"[": ")" + std::string(200, '[') + "\"}", "here"));
  json source = first_generation();
  source["extra"] = json::parse(nested("[", "]", 3));
  EXPECT_INPUT_ERROR(parse(source), "'extra'", "an object of 1");
}

TEST(Config, OneBeginningOfSequence) {
  EXPECT_INPUT_ERROR(parse_with("bos_token_id", json::array()), "bos_token_id", "one token id",
                     "an array of 0");
  EXPECT_INPUT_ERROR(parse_with("bos_token_id", {1, 2}), "bos_token_id", "an array of 2");
  EXPECT_EQ(parse_with("bos_token_id", json::array({3})).bos_token_id, 3);
}

TEST(Config, SwitchedOffFeaturesAreAccepted) {
  EXPECT_NO_THROW(parse_with("sliding_window", nullptr));
  EXPECT_NO_THROW(parse_with("use_sliding_window", false));
  EXPECT_NO_THROW(parse_with("quantization_config", nullptr));
}

TEST(Config, NotJsonIsRefused) {
  EXPECT_INPUT_ERROR(parse_config("{\"vocab_size\": 3", "a/config.json"), "a/config.json", "JSON");
  EXPECT_INPUT_ERROR(parse_config("[1]", "a/config.json"), "a/config.json", "array");
}

TEST(Config, RoundTrip) {
  ModelConfig config = parse(first_generation());
  config.rope_scaling = RopeScaling::kDynamic;
  config.rope_factor = 2;
  config.head_dim = 16;
  config.mlp_bias = true;
  config.eos_token_ids = {2, 5};
  config.bos_token_id = -1;
  const std::string text = config_to_json(config);
  EXPECT_EQ(config_to_json(parse_config(text, "copy")), text);
  EXPECT_NE(text.find("\"rms_norm_eps\": 1e-05"), std::string::npos) << text;
}

TEST(Config, LoadsFolderWithStopTokensOfGenerationConfig) {
  const testing::TemporaryFolder folder;
  EXPECT_INPUT_ERROR(load_config(folder / "none"), "none", "folder");
  EXPECT_INPUT_ERROR(load_config(folder.path()), "config.json", "cannot be read");
  testing::write_file(folder / "config.json", first_generation().dump());
  EXPECT_EQ(load_config(folder.path()).eos_token_ids, std::vector<int>{2});
  testing::write_file(folder / "generation_config.json",
                      R"({"eos_token_id": [2, 9], "top_p": 0.9})");
  EXPECT_EQ(load_config(folder.path()).eos_token_ids, (std::vector<int>{2, 9}));
}

TEST(Config, RopeFrequencies) {
  ModelConfig config = parse(first_generation());
  std::vector<float> plain = rope_frequencies(config, 1);
  ASSERT_EQ(plain.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(plain[i], std::pow(5000.0F, -static_cast<float>(i) / 4.0F));
  }
  EXPECT_EQ(rope_frequencies(config, 100000), plain);

  config.rope_scaling = RopeScaling::kLinear;
  config.rope_factor = 4;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(rope_frequencies(config, 1)[i], plain[i] / 4);
  }

  config.rope_scaling = RopeScaling::kDynamic;
  EXPECT_EQ(rope_frequencies(config, 128), plain);  // the trained context: unchanged
  const std::vector<float> stretched = rope_frequencies(config, 256);
  const double theta = 5000.0 * std::pow(4.0 * 2.0 - 3.0, 8.0 / 6.0);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FLOAT_EQ(stretched[i], static_cast<float>(std::pow(theta, -static_cast<double>(i) / 4)));
  }
}

TEST(Config, Presets) {
  EXPECT_EQ(preset_config("7b").hidden_size, 4096);
  EXPECT_EQ(preset_config("70b").num_key_value_heads, 8);
  EXPECT_INPUT_ERROR(preset_config("8b"), "8b", "tiny", "7b");
}

}  // namespace
}  // namespace assay
