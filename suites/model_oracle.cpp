#include "suites/model_oracle.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "reference/llama.h"
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

std::vector<std::pair<std::string, Answer>> ModelOracle::taps(
    const std::vector<int>& tokens) const {
  std::vector<std::pair<std::string, Answer>> taps;
  const at::Tensor ids = tokens_tensor(tokens);
  models_->exact.forward(ids, [&](const std::string& name, const at::Tensor& value) {
    taps.emplace_back(name, Answer{value.sizes().vec(), to_doubles(value), {}});
  });
  std::size_t next = 0;
  models_->same.forward(ids, [&](const std::string&, const at::Tensor& value) {
    taps.at(next++).second.same_dtype = to_doubles(value);
  });
  return taps;
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
