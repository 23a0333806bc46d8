// The generation loop: requests in, results out, a batch at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "engine/llama.h"
#include "engine/request.h"
#include "engine/tokenizer.h"

namespace assay {

struct GenerateHooks {
  /// Text of request `index` as soon as it is complete; every piece once, in order.
  std::function<void(std::size_t index, std::string_view text)> on_text;
  /// A token of request `index`, before its text.
  std::function<void(std::size_t index, int token)> on_token;
  /// Requests finished so far, after each one.
  std::function<void(std::size_t finished)> on_finished;
};

/// Tokens and seconds of the two phases; a prefill's seconds include its first sampled token.
struct GenerateStats {
  long long prefill_tokens = 0;
  double prefill_s = 0;
  long long decode_tokens = 0;
  double decode_s = 0;
};

/// Tokens that a request may take of the context, prompt included. Its last token is never fed
/// back, so a prompt that fills the context still gets one. No more than an int holds: max_tokens
/// may be as large, for as many as there is room for.
int tokens_in_cache(const Request& request);

/// Generates every request, as many at a time as the model was made for, in the order given; each
/// result is what the request alone would give, up to rounding. Requests must have passed
/// check_request. `tokenizer` may be null: results then have no text. Throws Error where no logit
/// of a step is a number.
std::vector<Result> generate(Llama& model, const Tokenizer* tokenizer,
                             const std::vector<Request>& requests, const GenerateHooks& hooks = {},
                             GenerateStats* stats = nullptr);

/// The `count` likeliest tokens of a row of logits (V) with their log-probabilities, likeliest
/// first, the lowest id first among equals.
std::vector<TokenLogprob> top_logprobs(const float* logits, int vocab, int count);

/// log softmax(logits)[token], summed in double.
double token_logprob(const float* logits, int vocab, int token);

}  // namespace assay
