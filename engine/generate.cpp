#include "engine/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>

#include "kernels/device/error.h"

namespace assay {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double log_sum_exp(const float* logits, int vocab) {
  const double top = *std::max_element(logits, logits + vocab);
  double sum = 0;
  for (int i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(logits[i]) - top);
  return top + std::log(sum);
}

/// One request of the batch while it runs.
struct Sequence {
  const Request* request;
  std::size_t index;  // of the request
  Result result;
  std::optional<StreamDecoder> decoder;
  int max_tokens;
  int past = 0;  // tokens in the cache
  bool finished = false;
};

class Batch {
 public:
  Batch(Llama& model, const Tokenizer* tokenizer, const GenerateHooks& hooks)
      : model_(model), tokenizer_(tokenizer), hooks_(hooks) {}

  void add(const Request& request, std::size_t index) {
    Sequence sequence{&request, index, {}, std::nullopt, 0, 0, false};
    const int prompt = static_cast<int>(request.prompt_ids.size());
    sequence.result.id = request.id;
    sequence.result.prompt_tokens = prompt;
    sequence.max_tokens = std::min(request.max_tokens, model_.max_seq() - prompt + 1);
    if (tokenizer_ != nullptr) {
      const bool at_start = tokenizer_->decode(request.prompt_ids).empty();
      sequence.decoder.emplace(*tokenizer_, at_start);
    }
    sequences_.push_back(std::move(sequence));
  }

  void run(GenerateStats& stats) {
    std::vector<SamplingParams> sampling;
    std::vector<std::vector<int>> prompts;
    bool keep_logits = false;
    for (const Sequence& sequence : sequences_) {
      sampling.push_back(sequence.request->sampling);
      prompts.push_back(sequence.request->prompt_ids);
      keep_logits = keep_logits || sequence.request->top_logprobs > 0;
    }
    model_.set_sampling(sampling);
    model_.keep_logits(keep_logits);
    model_.keep_picked_logits(true);

    Clock::time_point start = Clock::now();
    std::vector<int> tokens = model_.prefill(prompts, std::vector<int>(prompts.size(), 0));
    stats.prefill_s += seconds_since(start);
    for (std::size_t b = 0; b < sequences_.size(); ++b) {
      sequences_[b].past = sequences_[b].result.prompt_tokens;
      stats.prefill_tokens += sequences_[b].past;
    }
    accept(tokens);

    std::vector<int> past_lens(sequences_.size());
    std::vector<int> fed(sequences_.size());
    while (!std::all_of(sequences_.begin(), sequences_.end(),
                        [](const Sequence& s) { return s.finished; })) {
      for (std::size_t b = 0; b < sequences_.size(); ++b) {
        // A finished sequence stays in the batch, rewriting its last slot, so that the graph of
        // this batch size goes on serving; nobody reads what it computes.
        Sequence& sequence = sequences_[b];
        past_lens[b] = sequence.finished ? sequence.past - 1 : sequence.past++;
        fed[b] = sequence.result.token_ids.back();
        if (!sequence.finished) ++stats.decode_tokens;
      }
      start = Clock::now();
      tokens = model_.decode(fed, past_lens);
      stats.decode_s += seconds_since(start);
      accept(tokens);
    }
  }

  std::vector<Sequence>& sequences() { return sequences_; }

 private:
  void accept(const std::vector<int>& tokens) {
    const int V = model_.config().vocab_size;
    for (std::size_t b = 0; b < sequences_.size(); ++b) {
      Sequence& sequence = sequences_[b];
      if (sequence.finished) continue;
      const int token = tokens[b];
      Result& result = sequence.result;
      const float logit = model_.picked_logits()[b];
      if (!std::isfinite(logit)) {
        throw Error(fmt::format(
            "prompt {}: new token {}: expected finite logits, found {} for the likeliest token: "
            "look for weights that are not finite, or try --dtype fp32",
            result.id, result.token_ids.size() + 1, logit));
      }
      result.token_ids.push_back(token);
      if (sequence.request->top_logprobs > 0) {
        const float* row = &model_.logits()[b * static_cast<std::size_t>(V)];
        result.token_logprobs.push_back(static_cast<float>(token_logprob(row, V, token)));
        result.top_logprobs.push_back(top_logprobs(row, V, sequence.request->top_logprobs));
      }
      if (hooks_.on_token) hooks_.on_token(sequence.index, token);
      if (sequence.decoder) emit(sequence, sequence.decoder->push(token));

      const std::vector<int>& stops = model_.config().eos_token_ids;
      const bool stop = !sequence.request->ignore_eos &&
                        std::find(stops.begin(), stops.end(), token) != stops.end();
      if (!stop && static_cast<int>(result.token_ids.size()) < sequence.max_tokens) continue;
      result.finish_reason = stop ? FinishReason::kStop : FinishReason::kLength;
      if (sequence.decoder) emit(sequence, sequence.decoder->finish());
      sequence.finished = true;
      ++finished_;
      if (hooks_.on_finished) hooks_.on_finished(finished_);
    }
  }

  void emit(Sequence& sequence, const std::string& text) const {
    if (text.empty()) return;
    sequence.result.text += text;
    if (hooks_.on_text) hooks_.on_text(sequence.index, text);
  }

  Llama& model_;
  const Tokenizer* tokenizer_;
  const GenerateHooks& hooks_;
  std::vector<Sequence> sequences_;
  std::size_t finished_ = 0;
};

}  // namespace

int tokens_in_cache(const Request& request) {
  const auto tokens = static_cast<std::int64_t>(request.prompt_ids.size()) + request.max_tokens - 1;
  return static_cast<int>(std::min<std::int64_t>(tokens, std::numeric_limits<int>::max()));
}

std::vector<Result> generate(Llama& model, const Tokenizer* tokenizer,
                             const std::vector<Request>& requests, const GenerateHooks& hooks,
                             GenerateStats* stats) {
  GenerateStats ignored;
  if (stats == nullptr) stats = &ignored;
  // Dynamic rope scaling depends on the longest sequence of a step. Past the trained context, each
  // sequence goes alone, so that its result does not depend on its company.
  auto batch_size = static_cast<std::size_t>(model.options().max_batch);
  if (model.config().rope_scaling == RopeScaling::kDynamic &&
      model.max_seq() > model.config().max_position_embeddings) {
    batch_size = 1;
  }
  std::vector<Result> results;
  results.reserve(requests.size());
  GenerateHooks batch_hooks = hooks;
  if (hooks.on_finished) {
    batch_hooks.on_finished = [&](std::size_t n) { hooks.on_finished(results.size() + n); };
  }
  for (std::size_t first = 0; first < requests.size(); first += batch_size) {
    Batch batch(model, tokenizer, batch_hooks);
    for (std::size_t i = first; i < std::min(first + batch_size, requests.size()); ++i) {
      batch.add(requests[i], i);
    }
    batch.run(*stats);
    for (Sequence& sequence : batch.sequences()) results.push_back(std::move(sequence.result));
  }
  return results;
}

std::vector<TokenLogprob> top_logprobs(const float* logits, int vocab, int count) {
  std::vector<int> ids(static_cast<std::size_t>(vocab));
  std::iota(ids.begin(), ids.end(), 0);
  const auto likelier = [&](int a, int b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), likelier);
  const double total = log_sum_exp(logits, vocab);
  std::vector<TokenLogprob> top;
  for (int i = 0; i < count; ++i) {
    const int id = ids[static_cast<std::size_t>(i)];
    top.push_back({id, static_cast<float>(logits[id] - total)});
  }
  return top;
}

double token_logprob(const float* logits, int vocab, int token) {
  return logits[token] - log_sum_exp(logits, vocab);
}

}  // namespace assay
