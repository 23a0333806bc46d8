#include "engine/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/files.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

using nlohmann::json;

// Keys that change nothing an inference engine computes.
constexpr std::array kHarmlessKeys = {
    "_name_or_path",   "attention_dropout", "initializer_range",
    "max_length",      "pad_token_id",      "transformers_version",
    "use_cache",       "output_attentions", "output_hidden_states",
    "return_dict",     "id2label",          "label2id",
    "use_return_dict", "torchscript",       "chunk_size_feed_forward",
    "problem_type",    "finetuning_task",   "task_specific_params",
};

// Bounds that no published model comes near. Within them, sizes of tensors stay far from overflow,
// and a mistyped number is an error before anything is made of its size.
constexpr int kMostLayers = 4096;
constexpr int kMostWidth = 1 << 20;
constexpr int kMostTokens = 1 << 24;  // of the vocabulary; of the context

/// A value for a message; what may be long, by its type and size.
std::string shown(const json& value) {
  if (value.is_structured()) return fmt::format("an {} of {}", value.type_name(), value.size());
  const std::string text = value.dump();
  return text.size() <= 80 ? text : text.substr(0, 80) + "...";
}

/// Typed access to one JSON object of a config; remembers what was asked for, so that whatever is
/// left at the end can be refused by name.
class Fields {
 public:
  Fields(const json& object, std::string file, std::string prefix = "")
      : object_(object), file_(std::move(file)), prefix_(std::move(prefix)) {}

  [[noreturn]] void fail(const std::string& key, const std::string& message) const {
    throw InputError(fmt::format("{}: field '{}{}': {}", file_, prefix_, key, message));
  }

  /// The value, or null when the key is absent or null: Transformers treats both alike.
  const json* find(const std::string& key) {
    seen_.push_back(key);
    const auto it = object_.find(key);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }

  /// An integer from 1 to `most`.
  int positive(const std::string& key, int most) {
    const json* value = find(key);
    if (value == nullptr) fail(key, "required, and missing");
    return positive(key, *value, most);
  }
  int positive_or(const std::string& key, int most, int fallback) {
    const json* value = find(key);
    return value == nullptr ? fallback : positive(key, *value, most);
  }
  double positive_number(const std::string& key) {
    const json* value = find(key);
    if (value == nullptr) fail(key, "required, and missing");
    // The arithmetic is in fp32, where some doubles are zero, infinite or denormal.
    if (!value->is_number() || !(value->get<double>() > 0) || !is_normal_float(*value)) {
      fail(key, fmt::format("expected a positive number of fp32, 1.2e-38 to 3.4e+38, found {}",
                            shown(*value)));
    }
    return value->get<double>();
  }
  bool boolean_or(const std::string& key, bool fallback) {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean())
      fail(key, fmt::format("expected true or false, found {}", shown(*value)));
    return value->get<bool>();
  }
  std::string text(const std::string& key, const json& value) const {
    if (!value.is_string()) fail(key, fmt::format("expected a string, found {}", shown(value)));
    return value.get<std::string>();
  }
  /// Refuses any value other than the one that this engine computes.
  void only(const std::string& key, const json& supported) {
    const json* value = find(key);
    if (value != nullptr && *value != supported) {
      fail(key, fmt::format("only {} is supported, found {}", supported.dump(), shown(*value)));
    }
  }
  void refuse_the_rest() const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) continue;
      fail(key, fmt::format("not supported (found {}): it may change the maths, and this engine "
                            "does not know it",
                            shown(value)));
    }
  }

 private:
  static bool is_normal_float(const json& value) {
    const auto v = value.get<double>();
    return v <= std::numeric_limits<float>::max() && std::isnormal(static_cast<float>(v));
  }

  int positive(const std::string& key, const json& value, int most) const {
    // As unsigned, since a number past 2^63 would come out negative.
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 ||
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
      fail(key,
           fmt::format("expected a positive integer, at most {}, found {}", most, shown(value)));
    }
    return value.get<int>();
  }

  const json& object_;
  std::string file_;
  std::string prefix_;
  std::vector<std::string> seen_;
};

/// The contents of rope_scaling (first generation) or rope_parameters (second; brings rope_theta).
void parse_rope(ModelConfig& config, const json& object, const std::string& file,
                const std::string& key) {
  if (!object.is_object()) {
    throw InputError(
        fmt::format("{}: field '{}': expected an object, found {}", file, key, shown(object)));
  }
  Fields rope(object, file, key + ".");
  const json* type = rope.find("rope_type");
  const json* old_type = rope.find("type");
  if (type != nullptr && old_type != nullptr && *type != *old_type) {
    rope.fail("type",
              fmt::format("says {}, but rope_type says {}", shown(*old_type), shown(*type)));
  }
  if (type == nullptr) type = old_type;
  const std::string name = type == nullptr ? "default" : rope.text("rope_type", *type);
  if (name == "linear" || name == "dynamic") {
    config.rope_scaling = name == "linear" ? RopeScaling::kLinear : RopeScaling::kDynamic;
    config.rope_factor = rope.positive_number("factor");
    if (config.rope_factor < 1) {
      rope.fail("factor", fmt::format("expected at least 1, found {}", config.rope_factor));
    }
  } else if (name != "default") {
    rope.fail("rope_type",
              fmt::format("only default, linear and dynamic are supported, found \"{}\"", name));
  }
  if (rope.find("rope_theta") != nullptr) config.rope_theta = rope.positive_number("rope_theta");
  rope.only("partial_rotary_factor", 1.0);
  rope.only("original_max_position_embeddings", config.max_position_embeddings);
  rope.refuse_the_rest();
}

std::vector<int> parse_token_ids(Fields& fields, const std::string& key, const json& value,
                                 int vocab_size) {
  const json list = value.is_array() ? value : json::array({value});
  std::vector<int> ids;
  for (const json& id : list) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() >= vocab_size) {
      fields.fail(key, fmt::format("expected token ids from 0 to vocab_size - 1 = {}, found {}",
                                   vocab_size - 1, shown(id)));
    }
    ids.push_back(id.get<int>());
  }
  return ids;
}

}  // namespace

int ModelConfig::context_length() const {
  return static_cast<int>(std::min(max_position_embeddings * rope_factor, 1e9));
}

DType parse_dtype(std::string_view name, const std::string& where) {
  constexpr std::array<std::pair<std::string_view, DType>, 10> kNames{{
      {"fp32", DType::kF32},
      {"float32", DType::kF32},
      {"F32", DType::kF32},
      {"fp16", DType::kF16},
      {"float16", DType::kF16},
      {"F16", DType::kF16},
      {"half", DType::kF16},
      {"bf16", DType::kBF16},
      {"bfloat16", DType::kBF16},
      {"BF16", DType::kBF16},
  }};
  for (const auto& [known, dtype] : kNames) {
    if (known == name) return dtype;
  }
  throw InputError(
      fmt::format("{}: expected a dtype out of fp32, fp16 and bf16, found \"{}\"", where, name));
}

ModelConfig parse_config(std::string_view text, const std::string& file) {
  const json root = parse_json_object(text, file);
  Fields fields(root, file);
  ModelConfig config;

  fields.only("model_type", "llama");
  if (const json* names = fields.find("architectures")) {
    if (!names->is_array() || names->size() != 1 || names->front() != "LlamaForCausalLM") {
      const json& found = names->is_array() && names->size() == 1 ? names->front() : *names;
      fields.fail("architectures",
                  fmt::format("only [\"LlamaForCausalLM\"] is supported, found {}", shown(found)));
    }
  } else if (fields.find("model_type") == nullptr) {
    fields.fail("model_type", "required (or architectures), and missing");
  }

  config.vocab_size = fields.positive("vocab_size", kMostTokens);
  config.hidden_size = fields.positive("hidden_size", kMostWidth);
  config.intermediate_size = fields.positive("intermediate_size", kMostWidth);
  config.num_hidden_layers = fields.positive("num_hidden_layers", kMostLayers);
  config.num_attention_heads = fields.positive("num_attention_heads", kMostWidth);
  config.num_key_value_heads =
      fields.positive_or("num_key_value_heads", kMostWidth, config.num_attention_heads);
  config.max_position_embeddings = fields.positive("max_position_embeddings", kMostTokens);
  config.rms_norm_eps = static_cast<float>(fields.positive_number("rms_norm_eps"));
  config.attention_bias = fields.boolean_or("attention_bias", false);
  config.mlp_bias = fields.boolean_or("mlp_bias", false);
  config.tie_word_embeddings = fields.boolean_or("tie_word_embeddings", false);
  const int heads = config.num_attention_heads;
  config.head_dim = fields.positive_or("head_dim", kMostWidth, 0);
  if (config.head_dim == 0) {
    if (config.hidden_size % heads != 0) {
      fields.fail("hidden_size", fmt::format("expected a multiple of num_attention_heads = {}, "
                                             "since head_dim is not given, found {}",
                                             heads, config.hidden_size));
    }
    config.head_dim = config.hidden_size / heads;
  }
  if (config.head_dim % 2 != 0) {
    fields.fail("head_dim", fmt::format("expected an even number, for rotary pairs, found {}",
                                        config.head_dim));
  }
  if (heads % config.num_key_value_heads != 0) {
    fields.fail("num_key_value_heads", fmt::format("expected a divisor of num_attention_heads = "
                                                   "{}, found {}",
                                                   heads, config.num_key_value_heads));
  }

  const std::int64_t qkv_width =
      (std::int64_t{heads} + 2 * std::int64_t{config.num_key_value_heads}) * config.head_dim;
  if (qkv_width > kMostWidth) {
    fields.fail("head_dim", fmt::format("expected (heads + 2 key-value heads) * head_dim to be at "
                                        "most {}, found {}",
                                        kMostWidth, qkv_width));
  }

  const json* top_theta = fields.find("rope_theta");
  if (top_theta != nullptr) config.rope_theta = fields.positive_number("rope_theta");
  const json* scaling = fields.find("rope_scaling");
  const json* parameters = fields.find("rope_parameters");
  if (scaling != nullptr) parse_rope(config, *scaling, file, "rope_scaling");
  if (parameters != nullptr) {
    const ModelConfig before = config;
    parse_rope(config, *parameters, file, "rope_parameters");
    if (top_theta != nullptr && config.rope_theta != before.rope_theta) {
      fields.fail("rope_parameters.rope_theta",
                  fmt::format("{}, but rope_theta says {}", config.rope_theta, before.rope_theta));
    }
    if (scaling != nullptr &&
        (config.rope_scaling != before.rope_scaling || config.rope_factor != before.rope_factor)) {
      fields.fail("rope_parameters", "contradicts rope_scaling");
    }
  }
  if (config.rope_scaling == RopeScaling::kDynamic && config.head_dim < 4) {
    fields.fail("head_dim", "dynamic rope scaling needs at least 4, found 2");
  }

  for (const std::string key : {"torch_dtype", "dtype"}) {
    if (const json* name = fields.find(key)) {
      config.dtype = parse_dtype(fields.text(key, *name), fmt::format("{}: field '{}'", file, key));
    }
  }
  if (const json* bos = fields.find("bos_token_id")) {
    const std::vector<int> ids = parse_token_ids(fields, "bos_token_id", *bos, config.vocab_size);
    if (ids.size() != 1) {
      fields.fail("bos_token_id", fmt::format("expected one token id, found {}", shown(*bos)));
    }
    config.bos_token_id = ids.front();
  } else if (root.contains("bos_token_id")) {
    config.bos_token_id = -1;  // an explicit null: no such token
  }
  if (const json* eos = fields.find("eos_token_id")) {
    config.eos_token_ids = parse_token_ids(fields, "eos_token_id", *eos, config.vocab_size);
  } else if (root.contains("eos_token_id")) {
    config.eos_token_ids.clear();
  }

  fields.only("hidden_act", "silu");
  fields.only("pretraining_tp", 1);
  fields.only("is_decoder", false);
  fields.only("is_encoder_decoder", false);
  fields.only("add_cross_attention", false);
  fields.only("tie_encoder_decoder", false);
  for (const char* key : {"quantization_config", "sliding_window", "use_sliding_window",
                          "pruned_heads", "layer_types"}) {
    if (const json* value = fields.find(key)) {
      const bool off = (value->is_boolean() && !value->get<bool>()) ||
                       ((value->is_object() || value->is_array()) && value->empty());
      if (!off) fields.fail(key, fmt::format("not supported (found {})", shown(*value)));
    }
  }
  for (const char* key : kHarmlessKeys) fields.find(key);
  fields.refuse_the_rest();
  return config;
}

ModelConfig load_config(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw InputError(fmt::format("{}: expected the folder of a Hugging Face checkpoint, found {}",
                                 folder.string(),
                                 std::filesystem::exists(folder, ignored) ? "a file" : "nothing"));
  }
  const std::filesystem::path file = folder / "config.json";
  ModelConfig config = parse_config(read_text_file(file), file.string());
  const std::filesystem::path generation_file = folder / "generation_config.json";
  if (std::filesystem::exists(generation_file, ignored)) {
    const json generation = read_json_object(generation_file);
    Fields fields(generation, generation_file.string());
    if (const json* eos = fields.find("eos_token_id")) {
      config.eos_token_ids = parse_token_ids(fields, "eos_token_id", *eos, config.vocab_size);
    }
  }
  return config;
}

std::string config_to_json(const ModelConfig& config) {
  const auto dtype_name = [](DType dtype) {
    return dtype == DType::kF16 ? "float16" : dtype == DType::kBF16 ? "bfloat16" : "float32";
  };
  json root = {
      {"architectures", {"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_hidden_layers},
      {"num_attention_heads", config.num_attention_heads},
      {"num_key_value_heads", config.num_key_value_heads},
      {"head_dim", config.head_dim},
      {"max_position_embeddings", config.max_position_embeddings},
      {"rope_theta", config.rope_theta},
      {"attention_bias", config.attention_bias},
      {"mlp_bias", config.mlp_bias},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"torch_dtype", dtype_name(config.dtype)},
      {"hidden_act", "silu"},
  };
  // The shortest decimal that reads back as the same float: 1e-05, not 9.999999747378752e-06.
  root["rms_norm_eps"] = std::stod(fmt::format("{}", config.rms_norm_eps));
  root["bos_token_id"] = config.bos_token_id < 0 ? json() : json(config.bos_token_id);
  if (config.eos_token_ids.empty()) {
    root["eos_token_id"] = nullptr;
  } else if (config.eos_token_ids.size() == 1) {
    root["eos_token_id"] = config.eos_token_ids[0];
  } else {
    root["eos_token_id"] = config.eos_token_ids;
  }
  if (config.rope_scaling == RopeScaling::kNone) {
    root["rope_scaling"] = nullptr;
  } else {
    const char* type = config.rope_scaling == RopeScaling::kLinear ? "linear" : "dynamic";
    root["rope_scaling"] = {{"rope_type", type}, {"factor", config.rope_factor}};
  }
  return root.dump(2) + "\n";
}

std::vector<float> rope_frequencies(const ModelConfig& config, int length) {
  const double width = config.head_dim;
  double base = config.rope_theta;
  if (config.rope_scaling == RopeScaling::kDynamic) {
    const double stretch = static_cast<double>(std::max(length, config.max_position_embeddings)) /
                           config.max_position_embeddings;
    const double factor = config.rope_factor;
    base *= std::pow(factor * stretch - (factor - 1), width / (width - 2));
  }
  std::vector<float> inv_freq(static_cast<std::size_t>(config.head_dim / 2));
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(width);
    inv_freq[i] = 1.0F / static_cast<float>(std::pow(base, static_cast<double>(exponent)));
    if (config.rope_scaling == RopeScaling::kLinear) {
      inv_freq[i] /= static_cast<float>(config.rope_factor);
    }
  }
  return inv_freq;
}

}  // namespace assay
