// train: makes the shipped checkpoint. Stories from the generator, a tokenizer by SentencePiece,
// the reference's own forward pass, LibTorch's autograd and AdamW, one thread unless told
// otherwise.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/optim/adamw.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "kernels/device/error.h"
#include "reference/checkpoint/stories.h"
#include "reference/checkpoint/tokenizer.h"
#include "reference/files.h"
#include "reference/llama.h"

namespace assay::reference {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Options {
  std::string out;
  std::uint64_t seed = 1;
  std::int64_t steps = 2000;
  std::int64_t rows = 8;  // sequences per step
  std::int64_t warm_up = 100;
  std::int64_t save_every = 500;
  double learning_rate = 3e-3;
  double weight_decay = 0.1;
  int threads = 1;
};

constexpr std::int64_t CONTEXT = 256;
constexpr int VOCABULARY = 1024;
constexpr int TOKENIZER_STORIES = 4000;
constexpr std::uint64_t HELD_OUT_STORIES = 200;

json config_json() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", VOCABULARY},
          {"hidden_size", 128},
          {"intermediate_size", 352},
          {"num_hidden_layers", 5},
          {"num_attention_heads", 8},
          {"num_key_value_heads", 4},
          {"head_dim", 16},
          {"max_position_embeddings", CONTEXT},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"tie_word_embeddings", false},
          {"bos_token_id", 1},
          {"eos_token_id", 2},
          {"torch_dtype", "bfloat16"}};
}

// Normal(0, 0.02), what writes into the residual stream smaller by sqrt(2L) (GPT-2's scheme).
Llama random_model(const Config& config, std::uint64_t seed) {
  at::manual_seed(seed);
  const auto normal = [](std::int64_t n, std::int64_t k, double std) {
    return (at::randn({n, k}) * std).requires_grad_(true);
  };
  const auto ones = [&] { return at::ones({config.hidden_size}).requires_grad_(true); };
  const double residual_std = 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers));
  const std::int64_t q_width = config.heads * config.head_dim;
  const std::int64_t kv_width = config.kv_heads * config.head_dim;
  Llama model;
  model.config = config;
  model.embedding = normal(config.vocab_size, config.hidden_size, 0.02);
  model.lm_head = normal(config.vocab_size, config.hidden_size, 0.02);
  model.final_norm = ones();
  for (std::int64_t i = 0; i < config.layers; ++i) {
    Layer layer;
    layer.attention_norm = ones();
    layer.qkv = normal(q_width + 2 * kv_width, config.hidden_size, 0.02);
    layer.output = normal(config.hidden_size, q_width, residual_std);
    layer.feed_forward_norm = ones();
    layer.gate_up = normal(2 * config.intermediate_size, config.hidden_size, 0.02);
    layer.down = normal(config.hidden_size, config.intermediate_size, residual_std);
    model.layers.push_back(std::move(layer));
  }
  return model;
}

std::vector<std::int64_t> document(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int64_t> ids = tokenizer.encode(text);
  ids.insert(ids.begin(), tokenizer.bos());
  ids.push_back(tokenizer.eos());
  return ids;
}

// CONTEXT+1 tokens: a story from its start, then as much of the next ones as fits.
at::Tensor packed_row(const Tokenizer& tokenizer, std::uint64_t seed, std::uint64_t* next_story) {
  std::vector<std::int64_t> ids;
  while (ids.size() <= CONTEXT) {
    const auto more = document(tokenizer, story(seed, (*next_story)++));
    ids.insert(ids.end(), more.begin(), more.end());
  }
  ids.resize(CONTEXT + 1);
  return at::tensor(ids);
}

at::Tensor next_token_loss(const Llama& model, const at::Tensor& ids) {
  const std::int64_t n = ids.size(0) - 1;
  return at::cross_entropy_loss(model.forward(ids.narrow(0, 0, n)), ids.narrow(0, 1, n));
}

std::vector<at::Tensor> held_out(const Tokenizer& tokenizer, const Options& options) {
  std::unordered_set<std::string> seen;  // no step reads more than two stories per row
  const std::uint64_t most = 2 * static_cast<std::uint64_t>(options.steps * options.rows);
  for (std::uint64_t i = 0; i < most; ++i) seen.insert(story(options.seed, i));
  std::vector<at::Tensor> documents;
  for (std::uint64_t i = 0; documents.size() < HELD_OUT_STORIES; ++i) {
    const std::string text = story(options.seed + 1, i);
    if (seen.count(text) == 0) documents.push_back(at::tensor(document(tokenizer, text)));
  }
  return documents;
}

double perplexity(const Llama& model, const std::vector<at::Tensor>& documents) {
  const c10::NoGradGuard no_grad;
  double total = 0;
  std::int64_t tokens = 0;
  for (const at::Tensor& ids : documents) {
    const std::int64_t n = std::min(ids.size(0), CONTEXT + 1) - 1;
    total +=
        next_token_loss(model, ids.narrow(0, 0, n + 1)).item<double>() * static_cast<double>(n);
    tokens += n;
  }
  return std::exp(total / static_cast<double>(tokens));
}

double learning_rate(const Options& options, std::int64_t step) {
  if (step < options.warm_up) {
    return options.learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(options.warm_up);
  }
  const double progress =
      static_cast<double>(step - options.warm_up) /
      static_cast<double>(std::max<std::int64_t>(1, options.steps - options.warm_up));
  return options.learning_rate * (0.05 + 0.95 * 0.5 * (1 + std::cos(M_PI * progress)));
}

double clip_gradients(const std::vector<at::Tensor>& parameters, double limit) {
  double square = 0;
  for (const at::Tensor& p : parameters) square += p.grad().square().sum().item<double>();
  const double norm = std::sqrt(square);
  if (norm > limit) {
    for (const at::Tensor& p : parameters) p.mutable_grad().mul_(limit / norm);
  }
  return norm;
}

void save(const Llama& model, const fs::path& folder) {
  TensorMap tensors = model.to_hugging_face();
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().to(at::kBFloat16);
  write_safetensors(folder / "model.safetensors", tensors);
}

class Training {
 public:
  explicit Training(const Options& options)
      : options_(options), folder_(options.out), started_(std::chrono::steady_clock::now()) {
    at::set_num_threads(options.threads);
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) throw InputError(folder_.string() + ": cannot be made: " + failed.message());
    write_side_files();
    train_tokenizer(tokenizer_lines(), VOCABULARY, folder_ / "tokenizer.model");
    tokenizer_ = std::make_unique<Tokenizer>(folder_ / "tokenizer.model");
    model_ = random_model(parse_config(config_json().dump(), "train"), options.seed);
    held_out_ = held_out(*tokenizer_, options);
  }

  void run() {
    const std::vector<at::Tensor> parameters = model_.parameters();
    std::int64_t weights = 0;
    for (const at::Tensor& p : parameters) weights += p.numel();
    figures_ = {{"parameters", weights},
                {"seed", options_.seed},
                {"steps", options_.steps},
                {"tokens_per_step", options_.rows * CONTEXT},
                {"learning_rate", options_.learning_rate},
                {"weight_decay", options_.weight_decay},
                {"warm_up", options_.warm_up},
                {"threads", options_.threads},
                {"held_out_stories", held_out_.size()},
                {"held_out_seed", options_.seed + 1},
                {"curve", json::array()}};
    std::printf("%ld weights, %ld steps of %ld tokens\n", weights, options_.steps,
                options_.rows * CONTEXT);
    torch::optim::AdamW optimizer = make_optimizer(parameters);
    std::uint64_t next_story = 0;
    double recent = 0;
    for (std::int64_t step = 0; step < options_.steps; ++step) {
      for (auto& group : optimizer.param_groups())
        group.options().set_lr(learning_rate(options_, step));
      optimizer.zero_grad();
      double loss = 0;
      for (std::int64_t row = 0; row < options_.rows; ++row) {
        const at::Tensor ids = packed_row(*tokenizer_, options_.seed, &next_story);
        const at::Tensor part = next_token_loss(model_, ids) / options_.rows;
        part.backward();
        loss += part.item<double>();
      }
      clip_gradients(parameters, 1.0);
      optimizer.step();
      recent = step == 0 ? loss : 0.9 * recent + 0.1 * loss;
      if (step % 50 == 0) {
        std::printf("step %ld loss %.4f after %.0f s\n", step, recent, seconds());
      }
      if ((step + 1) % options_.save_every == 0) record(step + 1, recent);
      std::fflush(stdout);
    }
    finish(next_story);
  }

 private:
  // Decay shrinks matrices, not norms.
  torch::optim::AdamW make_optimizer(const std::vector<at::Tensor>& parameters) const {
    std::vector<at::Tensor> matrices;
    std::vector<at::Tensor> vectors;
    for (const at::Tensor& p : parameters) (p.dim() > 1 ? matrices : vectors).push_back(p);
    const auto settings = [&](double decay) {
      return std::make_unique<torch::optim::AdamWOptions>(
          torch::optim::AdamWOptions(options_.learning_rate)
              .betas({0.9, 0.95})
              .weight_decay(decay));
    };
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(matrices, settings(options_.weight_decay));
    groups.emplace_back(vectors, settings(0.0));
    return torch::optim::AdamW(groups, torch::optim::AdamWOptions(options_.learning_rate));
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

  std::vector<std::string> tokenizer_lines() const {
    std::vector<std::string> lines;
    for (int i = 0; i < TOKENIZER_STORIES; ++i) lines.push_back(story(options_.seed, i));
    return lines;
  }

  void write_side_files() const {
    write_file(folder_ / "config.json", config_json().dump(2) + "\n");
    const json generation = {{"bos_token_id", 1}, {"eos_token_id", 2}, {"max_length", CONTEXT}};
    write_file(folder_ / "generation_config.json", generation.dump(2) + "\n");
    const json tokenizer = {{"tokenizer_class", "LlamaTokenizer"},
                            {"add_bos_token", true},
                            {"add_eos_token", false},
                            {"bos_token", "<s>"},
                            {"eos_token", "</s>"},
                            {"unk_token", "<unk>"},
                            {"legacy", false},
                            {"model_max_length", CONTEXT}};
    write_file(folder_ / "tokenizer_config.json", tokenizer.dump(2) + "\n");
  }

  void record(std::int64_t step, double loss) {
    save(model_, folder_);
    const double held_out_perplexity = perplexity(model_, held_out_);
    figures_["curve"].push_back({{"step", step},
                                 {"loss", loss},
                                 {"held_out_perplexity", held_out_perplexity},
                                 {"seconds", std::round(seconds())}});
    std::printf("step %ld saved, loss %.4f, held-out perplexity %.4f\n", step, loss,
                held_out_perplexity);
  }

  // Judges what was written, not what is in memory.
  void finish(std::uint64_t stories_read) {
    save(model_, folder_);
    const c10::NoGradGuard no_grad;
    const Llama written = load(folder_, at::kFloat);
    figures_["stories_read"] = stories_read;
    figures_["seconds"] = std::round(seconds());
    figures_["held_out_perplexity_bf16_weights"] = perplexity(written, held_out_);
    for (const char* prompt : {"Once upon a time", "Once upon a time, there was a boy named Tom.",
                               "There once was a shy mouse"}) {
      std::vector<std::int64_t> ids = tokenizer_->encode(prompt);
      ids.insert(ids.begin(), tokenizer_->bos());
      const auto room = CONTEXT - static_cast<std::int64_t>(ids.size());
      const auto more = written.greedy(ids, room, tokenizer_->eos());
      ids.insert(ids.end(), more.begin(), more.end());
      figures_["greedy"].push_back(tokenizer_->decode(ids));
      std::printf("> %s\n", tokenizer_->decode(ids).c_str());
    }
    write_file(folder_ / "training.json", figures_.dump(1) + "\n");
  }

  Options options_;
  fs::path folder_;
  std::chrono::steady_clock::time_point started_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Llama model_;
  std::vector<at::Tensor> held_out_;
  json figures_;
};

}  // namespace
}  // namespace assay::reference

int main(int argc, char** argv) {
  assay::reference::Options options;
  CLI::App app("Trains the shipped checkpoint on stories of our own");
  app.add_option("--out", options.out, "folder to write")->required();
  app.add_option("--seed", options.seed, "of the stories and the first weights")
      ->capture_default_str();
  app.add_option("--steps", options.steps, "optimizer steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rows", options.rows, "sequences per step")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up, "steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--save-every", options.save_every, "steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", options.learning_rate, "at its peak")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--weight-decay", options.weight_decay, "of matrices")->capture_default_str();
  app.add_option("--threads", options.threads, "for LibTorch")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    assay::reference::Training(options).run();
  } catch (const assay::InputError& e) {
    std::cerr << "train: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "train: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
