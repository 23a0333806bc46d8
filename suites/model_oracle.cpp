#include "suites/model_oracle.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "engine/parallel.h"
#include "kernels/device/error.h"
#include "reference/llama.h"
#include "reference/ops.h"
#include "reference/sampling.h"
#include "suites/torch_bridge.h"

namespace assay::suites {
namespace {

reference::Llama converted(reference::Llama model, at::ScalarType type) {
  const auto convert = [&](at::Tensor& tensor) {
    if (tensor.defined()) tensor = tensor.to(type);
  };
  convert(model.embedding);
  convert(model.final_norm);
  convert(model.lm_head);
  for (reference::Layer& layer : model.layers) {
    for (at::Tensor* tensor : {&layer.attention_norm, &layer.qkv, &layer.qkv_bias, &layer.output,
                               &layer.output_bias, &layer.feed_forward_norm, &layer.gate_up,
                               &layer.gate_up_bias, &layer.down, &layer.down_bias}) {
      convert(*tensor);
    }
  }
  return model;
}

at::Tensor tokens_tensor(const std::vector<int>& tokens) {
  return at::tensor(std::vector<std::int64_t>(tokens.begin(), tokens.end()), at::kLong)
      .to(reference_device());
}

Answer answer(const at::Tensor& exact, const at::Tensor& same) {
  return {exact.sizes().vec(), to_doubles(exact), to_doubles(same)};
}

}  // namespace

const char* name_of(Block block) {
  switch (block) {
    case Block::kAttention:
      return "attention_block";
    case Block::kFeedForward:
      return "feed_forward_block";
    case Block::kDecoderLayer:
      return "decoder_layer";
  }
  return "?";
}

struct ModelOracle::Models {
  reference::Llama same;
  reference::Llama exact;
};

ModelOracle::ModelOracle(const std::filesystem::path& folder, DType dtype)
    : models_(std::make_unique<Models>()) {
  prepare_torch();
  models_->same = reference::load(folder, scalar_type(dtype), reference_device());
  models_->exact = converted(models_->same, at::kDouble);
}
ModelOracle::~ModelOracle() = default;

int ModelOracle::layers() const { return static_cast<int>(models_->exact.config.layers); }
int ModelOracle::context() const {
  return static_cast<int>(models_->exact.config.max_position_embeddings);
}
int ModelOracle::vocab() const { return static_cast<int>(models_->exact.config.vocab_size); }
int ModelOracle::longest_sum() const {
  const reference::Config& c = models_->exact.config;
  return static_cast<int>(std::max({c.hidden_size, c.intermediate_size, c.heads * c.head_dim}));
}
bool ModelOracle::dynamic_rope() const {
  return models_->exact.config.rope_kind == reference::RopeKind::kDynamic;
}

std::vector<TapTruth> ModelOracle::taps(const std::vector<int>& tokens, int prefill) const {
  std::vector<TapTruth> truths;
  std::vector<at::Tensor> forced;  // what the ops are fed for the local answers
  const at::Tensor ids = tokens_tensor(tokens);
  const at::ScalarType dtype = models_->same.embedding.scalar_type();
  models_->exact.forward(
      ids,
      [&](const std::string& name, const at::Tensor& value) {
        truths.push_back({name, {value.sizes().vec(), to_doubles(value), {}}, {}});
        truths.back().local.shape = truths.back().accumulated.shape;
        forced.push_back(value.to(dtype));
      },
      prefill);
  std::size_t next = 0;
  const auto keep = [&](std::vector<double> Answer::*which, bool local) {
    next = 0;
    return [&truths, &forced, &next, which, local](const std::string&, const at::Tensor& value) {
      TapTruth& truth = truths.at(next);
      (local ? truth.local : truth.accumulated).*which = to_doubles(value);
      if (local) at::Tensor(value).copy_(forced[next]);  // in place: what follows reads it
      ++next;
    };
  };
  models_->same.forward(ids, keep(&Answer::same_dtype, false), prefill);
  models_->exact.forward(ids, keep(&Answer::exact, true), prefill);
  models_->same.forward(ids, keep(&Answer::same_dtype, true), prefill);
  return truths;
}

Answer ModelOracle::logits(const std::vector<int>& tokens, int prefill) const {
  const at::Tensor ids = tokens_tensor(tokens);
  return answer(models_->exact.forward(ids, {}, prefill), models_->same.forward(ids, {}, prefill));
}

Answer ModelOracle::block(Block block, int layer, const HostTensor& x) const {
  const at::Tensor same = to_torch(x);
  const auto run = [&](const reference::Llama& model, const at::Tensor& input) {
    switch (block) {
      case Block::kAttention:
        return model.attention_block(layer, input);
      case Block::kFeedForward:
        return model.feed_forward_block(layer, input);
      case Block::kDecoderLayer:
        return model.decoder_layer(layer, input);
    }
    return at::Tensor{};
  };
  return answer(run(models_->exact, same.to(at::kDouble)), run(models_->same, same));
}

namespace {

constexpr std::int64_t READ_CHUNK = 1 << 20;

// Reads tensors of a source at its dtype onto the reference's device.
class Reader {
 public:
  Reader(const WeightSource& source, DType dtype) : source_(source), dtype_(dtype) {
    for (const WeightSpec& spec : expected_weights(source.config())) specs_[spec.name] = spec.shape;
  }
  at::Tensor operator()(const std::string& name) const {
    const auto& shape = specs_.at(name);
    HostTensor tensor(dtype_, {shape.begin(), shape.end()});
    parallel_chunks(static_cast<std::int64_t>(tensor.count()), READ_CHUNK,
                    [&](std::int64_t first, std::int64_t count) {
                      source_.read(
                          name, first, count, dtype_,
                          tensor.bytes.data() + static_cast<std::size_t>(first) * size_of(dtype_));
                    });
    return to_torch(tensor);
  }

 private:
  const WeightSource& source_;
  DType dtype_;
  std::map<std::string, std::vector<std::int64_t>> specs_;
};

}  // namespace

std::vector<Answer> streamed_logits(const WeightSource& source, DType dtype,
                                    const std::vector<int>& tokens,
                                    const std::vector<int>& lengths) {
  prepare_torch();
  const ModelConfig& config = source.config();
  if (config.attention_bias || config.mlp_bias || config.rope_scaling != RopeScaling::kNone) {
    throw Error("a streamed reference has neither biases nor rope scaling");
  }
  const Reader read(source, dtype);
  const auto to_exact = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };

  reference::Llama same;
  same.config.vocab_size = config.vocab_size;
  same.config.hidden_size = config.hidden_size;
  same.config.intermediate_size = config.intermediate_size;
  same.config.layers = 1;  // the one at hand
  same.config.heads = config.num_attention_heads;
  same.config.kv_heads = config.num_key_value_heads;
  same.config.head_dim = config.head_dim;
  same.config.max_position_embeddings = config.max_position_embeddings;
  same.config.rms_norm_eps = static_cast<double>(config.rms_norm_eps);
  same.config.rope_theta = config.rope_theta;
  const at::Tensor table = read("model.embed_tokens.weight");
  same.embedding = table;

  const at::Tensor ids = tokens_tensor(tokens);
  at::Tensor x = reference::embedding(table, ids);
  at::Tensor x_exact = to_exact(x);
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto weight = [&](const std::string& name) { return read(prefix + name + ".weight"); };
    reference::Layer weights;
    weights.attention_norm = weight("input_layernorm");
    weights.qkv = at::cat(
        {weight("self_attn.q_proj"), weight("self_attn.k_proj"), weight("self_attn.v_proj")});
    weights.output = weight("self_attn.o_proj");
    weights.feed_forward_norm = weight("post_attention_layernorm");
    weights.gate_up = at::cat({weight("mlp.gate_proj"), weight("mlp.up_proj")});
    weights.down = weight("mlp.down_proj");
    same.layers = {weights};
    x = same.decoder_layer(0, x);
    x_exact = converted(same, at::kDouble).decoder_layer(0, x_exact);
  }
  const at::Tensor norm = read("model.norm.weight");
  const at::Tensor head = config.tie_word_embeddings ? table : read("lm_head.weight");
  const double eps = same.config.rms_norm_eps;
  const at::Tensor norm_exact = to_exact(norm);
  const at::Tensor head_exact = to_exact(head);
  const auto logits = [&](const at::Tensor& hidden, int length, const at::Tensor& norm_weight,
                          const at::Tensor& head_weight) {
    const at::Tensor last = hidden.narrow(0, length - 1, 1);
    return reference::linear(reference::rms_norm(last, norm_weight, eps), head_weight);
  };
  std::vector<Answer> answers;
  for (const int length : lengths) {
    answers.push_back(
        answer(logits(x_exact, length, norm_exact, head_exact), logits(x, length, norm, head)));
  }
  return answers;
}

std::pair<int, double> sample_with_reference(const std::vector<float>& logits,
                                             const SamplingParams& params,
                                             const std::vector<int>& history) {
  const at::Tensor row =
      at::tensor(std::vector<double>(logits.begin(), logits.end()), at::kDouble).unsqueeze(0);
  const std::vector<reference::Sampled> picked =
      reference::sample(row,
                        {{params.temperature, params.top_k, params.top_p, params.min_p,
                          params.repetition_penalty, params.seed}},
                        {std::vector<std::int64_t>(history.begin(), history.end())});
  return {static_cast<int>(picked[0].token), picked[0].margin};
}

}  // namespace assay::suites
