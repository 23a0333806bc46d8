// llama2 generate
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "engine/cli.h"
#include "engine/decimal.h"
#include "engine/files.h"
#include "engine/generate.h"
#include "engine/inspect.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"

namespace assay {
namespace {

struct Arguments {
  ModelArguments model;
  std::string prompt;
  std::string prompt_ids;
  bool has_prompt_ids = false;
  std::string prompts_file;
  std::string output;
  Request defaults;
  bool progress = false;
  bool stats = false;
};

std::vector<Request> read_all(const Arguments& arguments, const Tokenizer* tokenizer,
                              const ModelConfig& config) {
  const int context =
      arguments.model.max_seq > 0 ? arguments.model.max_seq : config.context_length();
  if (!arguments.prompts_file.empty()) {
    return read_requests(arguments.prompts_file, arguments.defaults, tokenizer, config, context);
  }
  Request request = arguments.defaults;
  request.id = "1";
  if (!arguments.has_prompt_ids) {
    if (tokenizer == nullptr) {
      throw InputError(
          "--prompt needs a tokenizer.model, and the model has none: use --prompt-ids");
    }
    request.prompt_ids = tokenizer->encode(arguments.prompt);
    request.text_prompt = true;
  } else {
    request.prompt_ids = parse_numbers(arguments.prompt_ids, "--prompt-ids");
  }
  check_request(request, config, context, "prompt");
  return {request};
}

void print_stats(const GenerateStats& stats, const Llama& model) {
  const auto rate = [](long long tokens, double s) {
    return s > 0 ? static_cast<double>(tokens) / s : 0.0;
  };
  const std::size_t forecast = forecast_memory(model.config(), model.options()).total_bytes();
  fmt::print(stderr,
             "device {} ({})\nprefill {} tokens in {:.3f} s: {:.1f} tokens/s\n"
             "decode {} tokens in {:.3f} s: {:.1f} tokens/s\n"
             "device memory peak {} bytes, forecast {} bytes\nkernel launches {}\n",
             properties().name, name_of(properties().kind), stats.prefill_tokens, stats.prefill_s,
             rate(stats.prefill_tokens, stats.prefill_s), stats.decode_tokens, stats.decode_s,
             rate(stats.decode_tokens, stats.decode_s), memory_stats().peak_bytes, forecast,
             launch_count());
}

void generate_command(const Arguments& arguments) {
  // Everything that can be wrong with the input is found before the weights are uploaded.
  const std::unique_ptr<WeightSource> source = arguments.model.open();
  const ModelConfig& config = source->config();
  const std::unique_ptr<Tokenizer> tokenizer = arguments.model.open_tokenizer(config);
  RunOptions options = arguments.model.run_options(config);
  const std::vector<Request> requests = read_all(arguments, tokenizer.get(), config);
  std::optional<OutputFile> output;
  if (!arguments.output.empty()) output.emplace(arguments.output);
  if (options.max_seq == 0) {
    for (const Request& request : requests) {
      options.max_seq = std::max(options.max_seq, tokens_in_cache(request));
    }
    options.max_seq = std::min(options.max_seq, config.context_length());
  }
  options.max_batch = std::min(options.max_batch, static_cast<int>(requests.size()));
  Llama model(*source, options);

  const bool stream = arguments.prompts_file.empty();
  GenerateHooks hooks;
  if (stream && tokenizer != nullptr) {
    fmt::print("{}", requests[0].text_prompt ? arguments.prompt : "");
    hooks.on_text = [](std::size_t, std::string_view text) {
      fmt::print("{}", text);
      std::fflush(stdout);
    };
  } else if (stream) {
    hooks.on_token = [](std::size_t, int token) {
      fmt::print("{} ", token);
      std::fflush(stdout);
    };
  }
  GenerateStats stats;
  std::vector<Result> results;
  {
    ProgressBar bar(arguments.progress && !stream, "prompts");
    if (!stream && bar.shown()) {
      bar.update(0, requests.size());
      hooks.on_finished = [&](std::size_t finished) { bar.update(finished, requests.size()); };
    }
    results = generate(model, tokenizer.get(), requests, hooks, &stats);
  }
  if (stream) fmt::print("\n");
  std::fflush(stdout);  // the output may be /dev/stdout
  for (const Result& result : results) {
    const std::string line = to_json_line(result) + "\n";
    if (output) {
      output->write(line);
    } else if (!stream) {
      fmt::print("{}", line);
    }
  }
  if (output) output->commit();
  if (arguments.stats) print_stats(stats, model);
}

}  // namespace

std::function<void()> add_generate(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("generate", "Continue one prompt, or a file of them");
  arguments->model.add_to(*command);
  CLI::Option_group* prompt = command->add_option_group("prompt");
  prompt->add_option("--prompt", arguments->prompt, "Text to continue");
  const CLI::Option* prompt_ids = prompt->add_option("--prompt-ids", arguments->prompt_ids,
                                                     "Token ids to continue: 1,15043,3186");
  prompt
      ->add_option("--prompts", arguments->prompts_file,
                   "JSONL file: {\"prompt\" or \"prompt_ids\", \"max_tokens\", \"temperature\" "
                   "...} per line")
      ->check(not_empty());
  prompt->require_option(1);
  command->add_option("--output", arguments->output, "JSONL file of results")->check(not_empty());
  Request& defaults = arguments->defaults;
  command->add_option("--max-tokens", defaults.max_tokens, "New tokens, at most")
      ->capture_default_str();
  command->add_option("--temperature", defaults.sampling.temperature, "0: the likeliest token")
      ->capture_default_str();
  command->add_option("--top-k", defaults.sampling.top_k, "Sample among the k likeliest; 0: all")
      ->capture_default_str();
  command
      ->add_option("--top-p", defaults.sampling.top_p,
                   "Sample among the likeliest that add up to p")
      ->capture_default_str();
  command
      ->add_option("--min-p", defaults.sampling.min_p,
                   "Drop tokens below this part of the likeliest")
      ->capture_default_str();
  command->add_option("--repetition-penalty", defaults.sampling.repetition_penalty, "1: none")
      ->capture_default_str();
  command->add_option("--seed", defaults.sampling.seed, "Seed of the sampling")
      ->capture_default_str()
      ->check(seed_number());
  command
      ->add_option("--top-logprobs", defaults.top_logprobs,
                   "Report so many of the likeliest tokens at every step, in the output file")
      ->capture_default_str();
  command->add_flag("--ignore-eos", defaults.ignore_eos, "Go on after the model's stop tokens");
  command->add_flag("--progress", arguments->progress,
                    "A progress bar, even where stderr is no terminal");
  command->add_flag("--stats", arguments->stats,
                    "Tokens per second, memory and launches, on stderr");
  return [command, arguments, prompt_ids] {
    arguments->has_prompt_ids = prompt_ids->count() > 0;
    if (command->parsed()) generate_command(*arguments);
  };
}

}  // namespace assay
