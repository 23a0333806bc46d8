#include "engine/request.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw InputError(fmt::format("{}: {}", where, message));
}

float read_float(const json& value, const std::string& key, const std::string& where) {
  if (!value.is_number()) {
    fail(where, fmt::format("'{}': expected a number, found {}", key, value.dump()));
  }
  return value.get<float>();
}

int read_int(const json& value, const std::string& key, const std::string& where) {
  if (!value.is_number_integer() ||
      std::abs(value.get<double>()) > std::numeric_limits<int>::max()) {
    fail(where, fmt::format("'{}': expected an integer, found {}", key, value.dump()));
  }
  return value.get<int>();
}

Request parse_request(const json& line, const Request& defaults, const Tokenizer* tokenizer,
                      const std::string& where) {
  Request request = defaults;
  request.prompt_ids.clear();
  if (line.contains("prompt") == line.contains("prompt_ids")) {
    fail(where, fmt::format("expected \"prompt\" or \"prompt_ids\", found {}",
                            line.contains("prompt") ? "both" : "neither"));
  }
  for (const auto& [key, value] : line.items()) {
    if (key == "id") {
      request.id = value.is_string() ? value.get<std::string>() : value.dump();
    } else if (key == "prompt") {
      if (!value.is_string()) {
        fail(where, fmt::format("'prompt': expected a string, found {}", value.dump()));
      }
      if (tokenizer == nullptr) {
        fail(where, "'prompt' needs a tokenizer.model, and the model has none: give prompt_ids");
      }
      request.prompt_ids = tokenizer->encode(value.get<std::string>());
      request.text_prompt = true;
    } else if (key == "prompt_ids") {
      if (!value.is_array()) {
        fail(where, fmt::format("'prompt_ids': expected a list, found {}", value.dump()));
      }
      for (const json& id : value) request.prompt_ids.push_back(read_int(id, key, where));
    } else if (key == "max_tokens") {
      request.max_tokens = read_int(value, key, where);
    } else if (key == "top_logprobs") {
      request.top_logprobs = read_int(value, key, where);
    } else if (key == "temperature") {
      request.sampling.temperature = read_float(value, key, where);
    } else if (key == "top_k") {
      request.sampling.top_k = read_int(value, key, where);
    } else if (key == "top_p") {
      request.sampling.top_p = read_float(value, key, where);
    } else if (key == "min_p") {
      request.sampling.min_p = read_float(value, key, where);
    } else if (key == "repetition_penalty") {
      request.sampling.repetition_penalty = read_float(value, key, where);
    } else if (key == "seed") {
      if (!value.is_number_unsigned()) {
        fail(where, fmt::format("'seed': expected an integer >= 0, found {}", value.dump()));
      }
      request.sampling.seed = value.get<std::uint64_t>();
    } else if (key == "ignore_eos") {
      if (!value.is_boolean()) {
        fail(where, fmt::format("'ignore_eos': expected true or false, found {}", value.dump()));
      }
      request.ignore_eos = value.get<bool>();
    } else {
      fail(where, fmt::format("unknown key '{}'", key));
    }
  }
  return request;
}

constexpr float LEAST_TEMPERATURE = 1e-5F;
constexpr float MOST_PENALTY = 1000.0F;

}  // namespace

void check_request(const Request& request, const ModelConfig& config, int context,
                   const std::string& where) {
  const auto require = [&](bool good, const char* name, auto value, const char* expected) {
    if (!good) fail(where, fmt::format("{}: expected {}, found {}", name, expected, value));
  };
  const SamplingParams& s = request.sampling;
  // Divided by less, logits leave fp32's range, and what is infinite is all alike.
  require(
      s.temperature == 0 || (std::isfinite(s.temperature) && s.temperature >= LEAST_TEMPERATURE),
      "temperature", s.temperature, "0, which is greedy, or a number >= 1e-5");
  require(s.top_k >= 0, "top_k", s.top_k, "an integer >= 0");
  require(s.top_p > 0 && s.top_p <= 1, "top_p", s.top_p, "a number above 0, at most 1");
  require(s.min_p >= 0 && s.min_p <= 1, "min_p", s.min_p, "a number from 0 to 1");
  require(s.repetition_penalty >= 1 / MOST_PENALTY && s.repetition_penalty <= MOST_PENALTY,
          "repetition_penalty", s.repetition_penalty, "a number from 0.001 to 1000");
  require(request.max_tokens >= 1, "max_tokens", request.max_tokens, "an integer >= 1");
  require(request.top_logprobs >= 0 && request.top_logprobs <= config.vocab_size, "top_logprobs",
          request.top_logprobs, "an integer from 0 to the size of the vocabulary");
  if (request.prompt_ids.empty()) fail(where, "expected a prompt, found one without tokens");
  for (const int id : request.prompt_ids) {
    require(id >= 0 && id < config.vocab_size, "prompt_ids", id, "ids inside the vocabulary");
  }
  if (request.prompt_ids.size() > static_cast<std::size_t>(context)) {
    fail(where, fmt::format("expected a prompt of at most {} tokens, the context, found {}",
                            context, request.prompt_ids.size()));
  }
}

std::vector<Request> read_requests(const std::filesystem::path& path, const Request& defaults,
                                   const Tokenizer* tokenizer, const ModelConfig& config,
                                   int context) {
  const std::string text = read_text_file(path);
  std::vector<Request> requests;
  std::size_t begin = 0;
  for (int number = 1; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    Request request = parse_request(parse_json_object(line, where), defaults, tokenizer, where);
    if (request.id.empty()) request.id = std::to_string(number);
    check_request(request, config, context, where);
    requests.push_back(std::move(request));
  }
  if (requests.empty()) {
    fail(path.string(), "expected one JSON object with a prompt per line, found no line");
  }
  return requests;
}

std::string to_json_line(const Result& result) {
  nlohmann::ordered_json line = {
      {"id", result.id},
      {"prompt_tokens", result.prompt_tokens},
      {"text", result.text},
      {"token_ids", result.token_ids},
      {"finish_reason", result.finish_reason == FinishReason::kStop ? "stop" : "length"},
  };
  if (!result.top_logprobs.empty()) {
    line["token_logprobs"] = result.token_logprobs;
    auto steps = nlohmann::ordered_json::array();
    for (const std::vector<TokenLogprob>& step : result.top_logprobs) {
      auto list = nlohmann::ordered_json::array();
      for (const TokenLogprob& token : step) {
        list.push_back({{"id", token.id}, {"logprob", token.logprob}});
      }
      steps.push_back(std::move(list));
    }
    line["top_logprobs"] = std::move(steps);
  }
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace assay
