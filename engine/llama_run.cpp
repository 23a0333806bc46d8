// Llama's host side: what is uploaded before a step, chunks of a prefill, graphs of decode steps.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "engine/convert.h"
#include "engine/llama.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

constexpr int kBucket = 64;  // S is a multiple of this: one graph serves 64 decode steps

int round_to_bucket(int length) { return (length + kBucket - 1) / kBucket * kBucket; }

/// More than the bytes of weights, cache and arena, and not exact: only to keep sums of bytes far
/// from overflow.
double most_bytes(const RunOptions& options, const ModelConfig& config) {
  const double B = options.max_batch;
  const double T = std::min(options.prefill_chunk, options.max_seq);
  const double S = options.max_seq + kBucket;
  const double L = config.num_hidden_layers;
  const double H = config.num_attention_heads;
  const double D = config.head_dim;
  const double row = 8.0 * config.hidden_size + 4.0 * config.intermediate_size +
                     8.0 * config.qkv_width() + 2.0 * config.vocab_size + 64;
  return sizeof(float) * (2 * L * B * H * D * S + 2 * B * H * D * S + B * (H + 2) * T * S +
                          B * (T + 2) * row + L * config.hidden_size * row);
}

}  // namespace

RunOptions checked_options(RunOptions options, const ModelConfig& config) {
  if (options.max_seq == 0) options.max_seq = config.context_length();
  const auto require = [](bool good, const char* name, int found, const std::string& expected) {
    if (!good) throw InputError(fmt::format("{}: expected {}, found {}", name, expected, found));
  };
  require(options.max_batch >= 1, "batch", options.max_batch, "at least 1");
  require(options.prefill_chunk >= 1, "prefill chunk", options.prefill_chunk, "at least 1");
  require(options.max_seq >= 1 && options.max_seq <= config.context_length(), "sequence length",
          options.max_seq, fmt::format("1 to {}, the model's context", config.context_length()));
  const std::int64_t rows =
      std::int64_t{options.max_batch} * std::min(options.prefill_chunk, options.max_seq);
  if (rows > std::numeric_limits<int>::max() || most_bytes(options, config) > 0x1p60) {
    throw InputError(fmt::format(
        "batch, sequence length, prefill chunk: expected sizes that some memory could hold, found "
        "{}, {}, {}: lower one of them",
        options.max_batch, options.max_seq, options.prefill_chunk));
  }
  return options;
}

int cache_slots(const RunOptions& options) { return round_to_bucket(options.max_seq); }

ActivationLimits activation_limits(const RunOptions& options) {
  ActivationLimits limits;
  limits.batch = options.max_batch;
  limits.t_max = std::min(options.prefill_chunk, options.max_seq);
  limits.s = cache_slots(options);
  limits.logit_rows = options.all_logits ? limits.batch * limits.t_max : limits.batch;
  limits.share = options.share_arena;
  return limits;
}

Llama::Llama(const WeightSource& source, RunOptions options)
    : config_(source.config()),
      options_(checked_options(std::move(options), config_)),
      s_max_(cache_slots(options_)),
      weights_(source, options_.dtype, stream_),
      kv_cache_(config_, options_.dtype, options_.max_batch, s_max_),
      a_(config_, options_.dtype, activation_limits(options_)) {
  const std::size_t history_bytes =
      static_cast<std::size_t>(options_.max_batch) * static_cast<std::size_t>(s_max_) * sizeof(int);
  fill_bytes(a_.history, 0, history_bytes, stream_);
  set_sampling({});
  upload_rope(0);
  stream_.synchronize();
}

void Llama::upload_rope(int length) {
  if (!host_inv_freq_.empty() && config_.rope_scaling != RopeScaling::kDynamic) return;
  std::vector<float> inv_freq = rope_frequencies(config_, length);
  if (inv_freq == host_inv_freq_) return;
  stream_.synchronize();  // the last upload from host_inv_freq_ may be under way
  host_inv_freq_ = std::move(inv_freq);
  copy_to_device(a_.inv_freq, host_inv_freq_.data(), host_inv_freq_.size() * sizeof(float),
                 stream_);
}

void Llama::set_sampling(std::vector<SamplingParams> params) {
  stream_.synchronize();
  host_sampling_ = std::move(params);
  host_sampling_.resize(static_cast<std::size_t>(options_.max_batch));
  copy_to_device(a_.sampling, host_sampling_.data(), host_sampling_.size() * sizeof(SamplingParams),
                 stream_);
}

Step Llama::begin_step(const StepInput& input) {
  const ActivationLimits limits = activation_limits(options_);
  const auto B = input.ids.size();
  const auto max_batch = static_cast<std::size_t>(options_.max_batch);
  if (B == 0 || B > max_batch || input.past_lens.size() != B) {
    throw Error(
        fmt::format("a step of {} sequences with {} past lengths; this model was made for "
                    "1 to {}",
                    B, input.past_lens.size(), max_batch));
  }
  launched_.clear();
  Step step{static_cast<int>(B), 0, 0, 0};
  int longest = 0;
  for (std::size_t b = 0; b < B; ++b) {
    const int q_len = static_cast<int>(input.ids[b].size());
    const int kv_len = input.past_lens[b] + q_len;
    if (input.past_lens[b] < 0 || kv_len > s_max_ || q_len > limits.t_max) {
      throw Error(
          fmt::format("sequence {}: {} new tokens after {}; at most {} at once and {} in "
                      "all fit",
                      b, q_len, input.past_lens[b], limits.t_max, s_max_));
    }
    step.tokens += q_len;
    step.t_max = std::max(step.t_max, q_len);
    longest = std::max(longest, kv_len);
  }
  if (step.tokens == 0) throw Error("a step without tokens");
  step.s = round_to_bucket(longest);

  // The layout of Activations::step_inputs: four lists of max_batch, then (B, T_max) ids.
  const auto T_max = static_cast<std::size_t>(step.t_max);
  stream_.synchronize();  // the last upload from host_inputs_ may be under way
  host_inputs_.assign(4 * max_batch + B * T_max, 0);
  int row = 0;
  for (std::size_t b = 0; b < B; ++b) {
    const std::vector<int>& ids = input.ids[b];
    const int q_len = static_cast<int>(ids.size());
    row += q_len;
    host_inputs_[b] = q_len;
    host_inputs_[max_batch + b] = input.past_lens[b];
    host_inputs_[2 * max_batch + b] = input.past_lens[b] + q_len;
    host_inputs_[3 * max_batch + b] = (q_len > 0 ? row - 1 : 0) - static_cast<int>(b);
    std::copy(ids.begin(), ids.end(),
              host_inputs_.begin() + static_cast<std::ptrdiff_t>(4 * max_batch + b * T_max));
    for (const int id : ids) {
      if (id < 0 || id >= config_.vocab_size) {
        throw Error(fmt::format("sequence {}: token id {} outside the vocabulary of {}", b, id,
                                config_.vocab_size));
      }
    }
    // Only the repetition penalty reads what a history holds.
    if (host_sampling_[b].repetition_penalty != 1.0F && q_len > 0) {
      copy_to_device(a_.history + b * static_cast<std::size_t>(s_max_) + input.past_lens[b],
                     &host_inputs_[4 * max_batch + b * T_max], ids.size() * sizeof(int), stream_);
    }
  }
  copy_to_device(a_.step_inputs, host_inputs_.data(), host_inputs_.size() * sizeof(int), stream_);
  upload_rope(std::max(longest, input.rope_length));
  return step;
}

std::vector<int> Llama::prefill(const std::vector<std::vector<int>>& prompts,
                                const std::vector<int>& past_lens) {
  const auto chunk = static_cast<std::size_t>(activation_limits(options_).t_max);
  const auto V = static_cast<std::size_t>(config_.vocab_size);
  std::vector<int> next(prompts.size());
  std::size_t longest = 0;
  StepInput input;
  input.past_lens = past_lens;
  for (std::size_t b = 0; b < prompts.size(); ++b) {
    longest = std::max(longest, prompts[b].size());
    input.rope_length =
        std::max(input.rope_length, past_lens.at(b) + static_cast<int>(prompts[b].size()));
  }
  if (keep_logits_) host_logits_.assign(prompts.size() * V, 0.0F);
  picked_logits_.assign(prompts.size(), 0.0F);

  for (std::size_t first = 0; first < longest; first += chunk) {
    input.ids.clear();
    std::vector<std::size_t> ending;  // sequences whose last token is in this chunk
    for (std::size_t b = 0; b < prompts.size(); ++b) {
      const std::vector<int>& prompt = prompts[b];
      const std::size_t from = std::min(first, prompt.size());
      const std::size_t to = std::min(first + chunk, prompt.size());
      input.ids.emplace_back(prompt.begin() + static_cast<std::ptrdiff_t>(from),
                             prompt.begin() + static_cast<std::ptrdiff_t>(to));
      if (from < to && to == prompt.size()) ending.push_back(b);
    }
    const Step step = begin_step(input);
    forward(step, LogitRows::kLast);
    if (!ending.empty()) {
      sample(step);
      const std::vector<int> tokens = copy_tokens(step.batch);
      const std::vector<float> logits =
          keep_logits_ ? copy_logits(step.batch) : std::vector<float>();
      for (const std::size_t b : ending) {
        next[b] = tokens[b];
        if (keep_logits_) std::copy_n(&logits[b * V], V, &host_logits_[b * V]);
        if (keep_picked_logits_) picked_logits_[b] = copy_logit(b, tokens[b]);
      }
    }
    for (std::size_t b = 0; b < prompts.size(); ++b) {
      input.past_lens[b] += static_cast<int>(input.ids[b].size());
    }
  }
  return next;
}

std::vector<int> Llama::decode(const std::vector<int>& tokens, const std::vector<int>& past_lens) {
  StepInput input;
  for (const int token : tokens) input.ids.push_back({token});
  input.past_lens = past_lens;
  const Step step = begin_step(input);
  const auto run_step = [&] {
    forward(step, LogitRows::kLast);
    sample(step);
  };
  // The first step of a shape runs directly, so that libraries have set themselves up for it
  // before anything is recorded; the second is recorded.
  const auto [graph, first_time] =
      decode_graphs_.try_emplace({options_.kernels.spec(), step.batch, step.s});
  if (!options_.graphs || observer_ || first_time) {
    run_step();
  } else {
    if (graph->second == nullptr) graph->second = std::make_unique<Graph>(stream_, run_step);
    graph->second->replay(stream_);
  }
  if (keep_logits_) host_logits_ = copy_logits(step.batch);
  std::vector<int> next = copy_tokens(step.batch);
  picked_logits_.assign(next.size(), 0.0F);
  for (std::size_t b = 0; keep_picked_logits_ && b < next.size(); ++b) {
    if (next[b] == 0) picked_logits_[b] = copy_logit(b, 0);
  }
  return next;
}

float Llama::copy_logit(std::size_t row, int token) const {
  const std::size_t item = size_of(options_.dtype);
  const std::size_t index =
      row * static_cast<std::size_t>(config_.vocab_size) + static_cast<std::size_t>(token);
  std::array<std::byte, sizeof(float)> raw{};
  copy_to_host(raw.data(), static_cast<const std::byte*>(a_.logits) + index * item, item, stream_);
  stream_.synchronize();
  float logit = 0.0F;
  convert(DType::kF32, &logit, options_.dtype, raw.data(), 1);
  return logit;
}

std::vector<float> Llama::copy_logits(int rows) const {
  const std::size_t count =
      static_cast<std::size_t>(rows) * static_cast<std::size_t>(config_.vocab_size);
  std::vector<std::byte> raw(count * size_of(options_.dtype));
  copy_to_host(raw.data(), a_.logits, raw.size(), stream_);
  stream_.synchronize();
  std::vector<float> logits(count);
  convert(DType::kF32, logits.data(), options_.dtype, raw.data(), count);
  return logits;
}

std::vector<int> Llama::copy_tokens(int batch) const {
  std::vector<int> tokens(static_cast<std::size_t>(batch));
  copy_to_host(tokens.data(), a_.tokens, tokens.size() * sizeof(int), stream_);
  stream_.synchronize();
  return tokens;
}

}  // namespace assay
