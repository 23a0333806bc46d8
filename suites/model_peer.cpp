#include "suites/model_peer.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "kernels/device/error.h"
#include "suites/torch_bridge.h"
#include "suites/torch_graph.h"

namespace assay::suites {
namespace {

struct LayerTensors {
  at::Tensor attention_norm, qkv, qkv_bias, output, output_bias;
  at::Tensor feed_forward_norm, gate_up, gate_up_bias, down, down_bias;
  at::Tensor k, v;  // (B,G,S_max,D)
};

std::vector<float> on_host(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
  const float* data = host.const_data_ptr<float>();
  return {data, data + host.numel()};
}

}  // namespace

struct ModelPeer::Impl {
  Impl(Llama& engine, const std::vector<int>& prompt, int batch, int q_len)
      : llama(engine), B(batch), T(q_len), S(static_cast<std::int64_t>(prompt.size())) {
    const ModelConfig& c = llama.config();
    if (c.rope_scaling != RopeScaling::kNone) throw Error("LibTorch's peer has no rope scaling");
    C = c.hidden_size;
    H = c.num_attention_heads;
    G = c.num_key_value_heads;
    D = c.head_dim;
    const std::int64_t F = c.intermediate_size;
    const Weights& weights = llama.weights();
    embedding = view(weights.embedding, {c.vocab_size, C});
    final_norm = view(weights.final_norm, {C});
    head = view(weights.logits, {c.vocab_size, C});
    for (int i = 0; i < c.num_hidden_layers; ++i) {
      const LayerWeights& w = weights.layers[static_cast<std::size_t>(i)];
      const std::int64_t slots = cache_slots(llama.options());
      layers.push_back({view(w.attention_norm, {C}), view(w.qkv, {(H + 2 * G) * D, C}),
                        view(w.qkv_bias, {(H + 2 * G) * D}), view(w.output, {C, H * D}),
                        view(w.output_bias, {C}), view(w.feed_forward_norm, {C}),
                        view(w.gate_up, {2 * F, C}), view(w.gate_up_bias, {2 * F}),
                        view(w.down, {C, F}), view(w.down_bias, {C}),
                        view(llama.kv_cache().k(i), {B, G, slots, D}),
                        view(llama.kv_cache().v(i), {B, G, slots, D})});
    }
    const std::vector<std::int64_t> last(prompt.end() - q_len, prompt.end());
    host_ids = at::tensor(last, at::kLong).repeat({B});
    ids = host_ids.to(reference_device());
    std::vector<double> inv_freq;
    for (std::int64_t i = 0; i < D / 2; ++i) {
      inv_freq.push_back(
          std::pow(c.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(D)));
    }
    const at::Tensor angle = (at::arange(S - T, S, at::kDouble).unsqueeze(1) *
                              at::tensor(inv_freq, at::kDouble).to(at::kFloat).to(at::kDouble))
                                 .view({1, T, 1, D / 2});
    cos = at::cat({angle.cos(), angle.cos()}, 3).to(reference_device(), embedding.scalar_type());
    sin = at::cat({-angle.sin(), angle.sin()}, 3).to(reference_device(), embedding.scalar_type());
  }

  at::Tensor view(void* data, const std::vector<std::int64_t>& shape) const {
    if (data == nullptr) return {};
    const at::ScalarType type = scalar_type(llama.options().dtype);
    return at::from_blob(data, shape, at::TensorOptions().dtype(type).device(reference_device()));
  }

  at::Tensor normed(const at::Tensor& x, const at::Tensor& weight) const {
    return at::rms_norm(x, {C}, weight, static_cast<double>(llama.config().rms_norm_eps));
  }

  at::Tensor attention_block(const LayerTensors& w, const at::Tensor& x) const {
    const at::Tensor qkv =
        at::linear(normed(x, w.attention_norm), w.qkv, w.qkv_bias).view({B, T, H + 2 * G, D});
    const at::Tensor straight = qkv.narrow(2, 0, H + G);
    const at::Tensor turned = at::addcmul(straight * cos, straight.roll(D / 2, 3), sin);
    w.k.narrow(2, S - T, T).copy_(turned.narrow(2, H, G).transpose(1, 2));
    w.v.narrow(2, S - T, T).copy_(qkv.narrow(2, H + G, G).transpose(1, 2));
    const at::Tensor o = at::scaled_dot_product_attention(
        turned.narrow(2, 0, H).transpose(1, 2), w.k.narrow(2, 0, S), w.v.narrow(2, 0, S),
        /*attn_mask=*/{}, /*dropout_p=*/0.0, /*is_causal=*/T > 1, /*scale=*/{},
        /*enable_gqa=*/G < H);
    return x + at::linear(o.transpose(1, 2).reshape({B * T, H * D}), w.output, w.output_bias);
  }

  at::Tensor feed_forward_block(const LayerTensors& w, const at::Tensor& x) const {
    const at::Tensor gate_up =
        at::linear(normed(x, w.feed_forward_norm), w.gate_up, w.gate_up_bias);
    const at::Tensor gated = at::silu(gate_up.chunk(2, 1)[0]) * gate_up.chunk(2, 1)[1];
    return x + at::linear(gated, w.down, w.down_bias);
  }

  void forward() {
    at::Tensor x = at::embedding(embedding, ids);  // (B*T,C)
    for (const LayerTensors& w : layers) x = feed_forward_block(w, attention_block(w, x));
    const at::Tensor last = x.view({B, T, C}).select(1, T - 1);
    logits = at::linear(normed(last, final_norm), head);  // (B,V)
    tokens = logits.argmax(1);
  }

  at::Tensor block(Block which, std::size_t layer, const at::Tensor& x) const {
    const LayerTensors& w = layers.at(layer);
    if (which == Block::kAttention) return attention_block(w, x);
    if (which == Block::kFeedForward) return feed_forward_block(w, x);
    return feed_forward_block(w, attention_block(w, x));
  }

  Llama& llama;
  std::int64_t B, T, S;
  std::int64_t C = 0, H = 0, G = 0, D = 0;
  at::Tensor embedding, final_norm, head;
  std::vector<LayerTensors> layers;
  at::Tensor cos, sin;       // (1,T,1,D), of both halves of a head
  at::Tensor host_ids, ids;  // (B*T)
  at::Tensor logits, tokens;
  at::Tensor block_x, block_y;  // (B*T,C)
  std::unique_ptr<TorchGraph> graph;
};

ModelPeer::ModelPeer(Llama& llama, const std::vector<int>& prompt, int batch, int q_len) {
  try {
    const TorchOnStream here(llama.stream());
    impl_ = std::make_unique<Impl>(llama, prompt, batch, q_len);
    impl_->forward();
    llama.stream().synchronize();
  } catch (const c10::Error& error) {
    impl_.reset();
    release_torch_memory();
    throw Error(std::string("LibTorch: ") + error.what_without_backtrace());
  }
}

ModelPeer::~ModelPeer() {
  impl_.reset();
  release_torch_memory();
}

std::vector<float> ModelPeer::logits() const { return on_host(impl_->logits); }

std::vector<int> ModelPeer::step() {
  Impl& p = *impl_;
  const Stream& stream = p.llama.stream();
  if (p.T == 1 && !p.graph) {
    p.graph = std::make_unique<TorchGraph>(stream, [&p] { p.forward(); });
  }
  const TorchOnStream here(stream);
  p.ids.copy_(p.host_ids);
  if (p.T == 1) {
    p.graph->replay();
  } else {
    p.forward();
  }
  const at::Tensor next = p.tokens.to(at::kCPU);  // waits
  const std::int64_t* data = next.const_data_ptr<std::int64_t>();
  return {data, data + next.numel()};
}

void ModelPeer::record_block(Block block, std::size_t layers, std::size_t passes) {
  Impl& p = *impl_;
  const Stream& stream = p.llama.stream();
  p.graph.reset();
  try {
    const TorchOnStream here(stream);
    p.block_x = at::embedding(p.embedding, p.ids);
    p.block_y = p.block(block, 0, p.block_x);
    stream.synchronize();
  } catch (const c10::Error& error) {
    throw Error(std::string("LibTorch: ") + error.what_without_backtrace());
  }
  p.graph = std::make_unique<TorchGraph>(stream, [&p, block, layers, passes] {
    for (std::size_t i = 0; i < passes * layers; ++i) {
      p.block_y = p.block(block, i % layers, p.block_x);
    }
  });
}

void ModelPeer::replay_block() const { impl_->graph->replay(); }

std::vector<float> ModelPeer::block_values() const { return on_host(impl_->block_y); }

}  // namespace assay::suites
