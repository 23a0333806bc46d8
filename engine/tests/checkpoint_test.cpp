#include "engine/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/convert.h"
#include "engine/files.h"
#include "engine/random_weights.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"
#include "engine/tests/tiny_model.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::tiny_config;

/// A safetensors file out of a header and `data_bytes` bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\1');
}

json entry(const char* dtype, std::vector<int> shape, int begin, int end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

class SafetensorsErrors : public ::testing::Test {
 protected:
  void expect_error(const std::string& bytes, std::initializer_list<std::string> parts) {
    testing::write_file(path_, bytes);
    try {
      SafetensorsFile file(path_);
      ADD_FAILURE() << "expected an InputError";
    } catch (const InputError& error) {
      testing::expect_parts(error.what(), {path_.string()});
      testing::expect_parts(error.what(), parts);
    }
  }
  testing::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.safetensors";
};

TEST_F(SafetensorsErrors, GoodFileIsRead) {
  const json header = {{"__metadata__", {{"format", "pt"}}},
                       {"a", entry("F32", {2, 3}, 0, 24)},
                       {"b", entry("BF16", {4}, 24, 32)}};
  testing::write_file(path_, file_of(header.dump(), 32));
  const SafetensorsFile file(path_);
  ASSERT_EQ(file.tensors().size(), 2U);
  EXPECT_EQ(file.tensors().at("a").shape, (TensorShape{2, 3}));
  EXPECT_EQ(file.tensors().at("b").bytes, 8U);
  EXPECT_EQ(file.tensors().at("b").data - file.tensors().at("a").data, 24);
}

TEST_F(SafetensorsErrors, Missing) {
  EXPECT_INPUT_ERROR(SafetensorsFile(folder_ / "none.safetensors"), "none.safetensors",
                     "cannot be read");
  EXPECT_INPUT_ERROR(SafetensorsFile(folder_.path()), "not a regular file");
}

TEST_F(SafetensorsErrors, TooShortForItsLength) {
  expect_error("", {"found 0 bytes"});
  expect_error("1234567", {"found 7 bytes"});
}

TEST_F(SafetensorsErrors, HeaderLengthPastTheEnd) {
  expect_error(std::string("\xFF\0\0\0\0\0\0\0{}", 10), {"255 bytes", "past the end", "10"});
  expect_error(std::string(8, '\xFF') + "{}", {"past the end"});
  expect_error("version https://git-lfs.github.com/spec/v1\n", {"Git LFS pointer"});
}

TEST_F(SafetensorsErrors, HeaderNotJson) {
  expect_error(file_of("{\"a\": ", 0), {"JSON object", "does not parse"});
  expect_error(file_of("[1, 2]", 0), {"JSON object", "array"});
  expect_error(file_of("{\"a\": 3}", 0), {"'a'", "data_offsets", "found 3"});
  expect_error(file_of("{\"a\": " + std::string(300000, '[') + std::string(300000, ']') + "}", 0),
               {"at most 64 deep"});
  json no_shape = {{"a", entry("F32", {1}, 0, 4)}};
  no_shape["a"].erase("shape");
  expect_error(file_of(no_shape.dump(), 4), {"'a'", "expected dtype, shape"});
  json negative = {{"a", entry("F32", {-1}, 0, 4)}};
  expect_error(file_of(negative.dump(), 4), {"'a'", "expected dtype, shape"});
}

TEST_F(SafetensorsErrors, OffsetsOutsideTheFile) {
  const json header = {{"a", entry("F32", {4}, 0, 16)}};
  expect_error(file_of(header.dump(), 15), {"'a'", "[0, 16]", "15 bytes", "truncated"});
  const json backwards = {{"a", entry("F32", {0}, 8, 4)}};
  expect_error(file_of(backwards.dump(), 16), {"'a'", "[8, 4]"});
}

TEST_F(SafetensorsErrors, OffsetsOverlap) {
  const json header = {{"a", entry("F32", {4}, 0, 16)}, {"b", entry("F32", {4}, 12, 28)}};
  expect_error(file_of(header.dump(), 28), {"'b'", "12", "overlapping", "'a'", "16"});
}

TEST_F(SafetensorsErrors, GapsAndTrailingBytes) {
  const json gap = {{"a", entry("F32", {4}, 0, 16)}, {"b", entry("F32", {4}, 20, 36)}};
  expect_error(file_of(gap.dump(), 36), {"'b'", "20", "gap", "'a'", "16"});
  const json trailing = {{"a", entry("F32", {4}, 0, 16)}};
  expect_error(file_of(trailing.dump(), 17), {"expected 16 bytes", "found 17"});
}

TEST_F(SafetensorsErrors, OffsetsDoNotMatchShapeAndDtype) {
  const json header = {{"a", entry("F16", {2, 4}, 0, 32)}};
  expect_error(file_of(header.dump(), 32), {"'a'", "(2, 4)", "takes 16", "span 32"});
  const json huge = {{"a",
                      {{"dtype", "F32"},
                       {"shape", {std::uint64_t{1} << 40, std::uint64_t{1} << 40}},
                       {"data_offsets", {0, 4}}}}};
  expect_error(file_of(huge.dump(), 4), {"'a'", "too large"});
  const json unknown = {{"a", entry("F4", {8}, 0, 4)}};
  expect_error(file_of(unknown.dump(), 4), {"'a'", "F4"});
}

/// A checkpoint on disk whose parts a test then spoils.
class CheckpointErrors : public ::testing::Test {
 protected:
  void write(std::uint64_t shard_bytes, const ModelConfig& config = tiny_config()) {
    write_checkpoint(model_, RandomWeights(config, 1), shard_bytes);
  }
  void edit_config(const std::string& key, const json& value) {
    json config = read_json_object(model_ / "config.json");
    config[key] = value;
    testing::write_file(model_ / "config.json", config.dump());
  }
  testing::TemporaryFolder folder_;
  fs::path model_ = folder_ / "model";
};

TEST_F(CheckpointErrors, SingleAndShardedGiveTheSameWeights) {
  for (const std::uint64_t shard_bytes : {0, 4096}) {
    fs::remove_all(model_);
    write(shard_bytes);
    const Checkpoint checkpoint(model_);
    EXPECT_EQ(checkpoint.files().size() > 1, shard_bytes != 0);
    const RandomWeights source(tiny_config(), 1);
    for (const WeightSpec& spec : expected_weights(tiny_config())) {
      const std::int64_t count = element_count(spec.shape);
      std::vector<float> want(static_cast<std::size_t>(count - 3));
      std::vector<float> got(want.size());
      source.read(spec.name, 2, count - 3, DType::kF32, want.data());
      checkpoint.read(spec.name, 2, count - 3, DType::kF32, got.data());
      EXPECT_EQ(want, got) << spec.name;
      std::vector<std::uint16_t> half(want.size());
      checkpoint.read(spec.name, 2, count - 3, DType::kF16, half.data());
      EXPECT_EQ(half[0], float_to_half(want[0]));
    }
  }
}

TEST_F(CheckpointErrors, NoFolderNoConfigNoWeights) {
  EXPECT_INPUT_ERROR(Checkpoint(folder_ / "none"), "none", "found nothing");
  fs::create_directories(model_);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "config.json", "cannot be read");
  write(0);
  fs::remove(model_ / "model.safetensors");
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "model.safetensors", "found neither");
  testing::write_file(model_ / "pytorch_model.bin", "");
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "convert it to safetensors");
}

TEST_F(CheckpointErrors, TruncatedFile) {
  write(0);
  const fs::path file = model_ / "model.safetensors";
  fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, file.string(), "truncated");
  fs::resize_file(file, 100);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, file.string(), "past the end", "100");
}

TEST_F(CheckpointErrors, MissingShard) {
  write(4096);
  const fs::path shard = Checkpoint(model_).files().at(1).path();
  fs::remove(shard);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, shard.string(), "shard missing", "index.json");
}

TEST_F(CheckpointErrors, IndexDisagreesWithShards) {
  write(4096);
  const fs::path index_file = model_ / "model.safetensors.index.json";
  const json index = read_json_object(index_file);
  json moved = index;
  moved["weight_map"]["lm_head.weight"] = index["weight_map"]["model.embed_tokens.weight"];
  testing::write_file(index_file, moved.dump());
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "lm_head.weight", "missing", "index.json");
  testing::write_file(index_file, "{}");
  EXPECT_INPUT_ERROR(Checkpoint{model_}, index_file.string(), "weight_map");
  json escape = index;
  escape["weight_map"]["lm_head.weight"] = "../model.safetensors";
  testing::write_file(index_file, escape.dump());
  EXPECT_INPUT_ERROR(Checkpoint{model_}, index_file.string(), "lm_head.weight", "beside it");
}

TEST_F(CheckpointErrors, ConfigDisagreesWithTensors) {
  write(0);
  edit_config("intermediate_size", 32);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "model.safetensors", "down_proj.weight",
                     "expected shape (16, 32)", "found (16, 24)");
  edit_config("intermediate_size", 24);
  edit_config("attention_bias", true);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "model.safetensors",
                     "model.layers.0.self_attn.q_proj.bias", "missing");
  edit_config("attention_bias", false);
  edit_config("num_hidden_layers", 1);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "model.layers.1.", "not part of the model");
  edit_config("num_hidden_layers", 3);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "model.layers.2.input_layernorm.weight", "missing");
}

TEST_F(CheckpointErrors, WrongDtype) {
  write(0);
  std::string bytes = read_text_file(model_ / "model.safetensors");
  for (std::size_t at = bytes.find("F32"); at != std::string::npos; at = bytes.find("F32", at)) {
    bytes.replace(at, 3, "I32");
  }
  testing::write_file(model_ / "model.safetensors", bytes);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "lm_head.weight", "F32, F16 or BF16", "found I32");
}

TEST_F(CheckpointErrors, TiedEmbeddingsNeedNoHead) {
  ModelConfig config = tiny_config();
  config.tie_word_embeddings = true;
  write(0, config);
  EXPECT_NO_THROW(Checkpoint{model_});
  edit_config("tie_word_embeddings", false);
  EXPECT_INPUT_ERROR(Checkpoint{model_}, "lm_head.weight", "missing");
}

}  // namespace
}  // namespace assay
