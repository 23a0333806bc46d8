// What goes into a generation and what comes out of it, and their JSONL forms.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/tokenizer.h"
#include "kernels/sampling/sampling.h"

namespace assay {

struct Request {
  std::string id;  // of the caller's choosing; the line number by default
  std::vector<int> prompt_ids;
  bool text_prompt = false;  // prompt_ids came from text
  SamplingParams sampling;
  int max_tokens = 128;
  int top_logprobs = 0;     // how many of the likeliest tokens to report at every step
  bool ignore_eos = false;  // go on after the model's own stop tokens
};

struct TokenLogprob {
  int id = 0;
  float logprob = 0;  // natural logarithm; of the model itself, before penalty and temperature
};

enum class FinishReason : std::uint8_t { kStop, kLength };

struct Result {
  std::string id;
  int prompt_tokens = 0;
  std::vector<int> token_ids;  // the stop token included
  std::string text;            // continues the prompt; empty without a tokenizer
  FinishReason finish_reason = FinishReason::kLength;
  std::vector<float> token_logprobs;                    // one per token; only where asked for
  std::vector<std::vector<TokenLogprob>> top_logprobs;  // one list per token, likeliest first
};

/// Throws InputError, starting with `where`, for parameters that mean nothing (a negative
/// temperature, top_p of 0 ...), an empty prompt, ids outside the vocabulary, or a prompt longer
/// than `context` tokens.
void check_request(const Request& request, const ModelConfig& config, int context,
                   const std::string& where);

/// Reads one request per line of a JSONL file: an object with "prompt" (text) or "prompt_ids", and
/// optionally "id", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty",
/// "seed", "top_logprobs", "ignore_eos"; what is left out is taken from `defaults`. `tokenizer` may
/// be null. Throws InputError, naming file and line, for anything else, and for a file without a
/// request.
std::vector<Request> read_requests(const std::filesystem::path& path, const Request& defaults,
                                   const Tokenizer* tokenizer, const ModelConfig& config,
                                   int context);

/// One line, without its end: {"id", "prompt_tokens", "text", "token_ids", "finish_reason"} and,
/// where asked for, "token_logprobs" and "top_logprobs".
std::string to_json_line(const Result& result);

}  // namespace assay
