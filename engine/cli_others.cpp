// llama2 perplexity, inspect and make-random
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/cli.h"
#include "engine/decimal.h"
#include "engine/files.h"
#include "engine/inspect.h"
#include "engine/perplexity.h"
#include "engine/random_weights.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

struct PerplexityArguments {
  ModelArguments model;
  std::string text_file;
  PerplexityOptions options;
};

void perplexity_command(PerplexityArguments arguments) {
  const std::unique_ptr<WeightSource> source = arguments.model.open();
  const ModelConfig& config = source->config();
  const std::unique_ptr<Tokenizer> tokenizer = arguments.model.open_tokenizer(config);
  if (tokenizer == nullptr) {
    throw InputError(
        fmt::format("{}: expected a tokenizer.model, found none",
                    arguments.model.model.empty() ? "--random" : arguments.model.model));
  }
  RunOptions options = arguments.model.run_options(config);
  const std::string text = read_text_file(arguments.text_file);
  const std::vector<int> ids = tokenizer->encode(text);
  if (text.empty()) {
    throw InputError(fmt::format("{}: expected a text, found an empty file", arguments.text_file));
  }
  if (arguments.options.context == 0) {
    arguments.options.context = std::min(config.context_length(), config.max_position_embeddings);
  }
  if (arguments.options.stride == 0)
    arguments.options.stride = std::max(1, arguments.options.context / 2);
  options.max_batch = 1;
  check_options(arguments.options, config.context_length());
  options.max_seq = arguments.options.context;
  options.all_logits = true;
  Llama model(*source, options);
  PerplexityResult result;
  {
    ProgressBar bar(false, "% scored");
    result = perplexity(model, ids, arguments.options, [&](double fraction) {
      bar.update(static_cast<std::size_t>(fraction * 100), 100);
    });
  }
  fmt::print("tokens {}  context {}  stride {}\nnll {:.6f}\nperplexity {:.4f}\n",
             result.scored_tokens, arguments.options.context, arguments.options.stride,
             result.mean_nll, result.perplexity);
}

struct InspectArguments {
  ModelArguments model;
  bool tensors = false;
};

void inspect_command(const InspectArguments& arguments) {
  const std::unique_ptr<WeightSource> source = arguments.model.open();
  const RunOptions options =
      checked_options(arguments.model.run_options(source->config()), source->config());
  arguments.model.open_tokenizer(source->config());  // only for what it refuses
  fmt::print("{}\n", describe_config(source->config()));
  const auto* checkpoint = dynamic_cast<const Checkpoint*>(source.get());
  if (arguments.tensors && checkpoint != nullptr) {
    fmt::print("{}\n", describe_tensors(*checkpoint));
  }
  fmt::print("{}", describe_memory(source->config(), options));
}

struct MakeRandomArguments {
  std::string output;
  std::string preset = "tiny";
  std::string dtype = "fp16";
  std::uint64_t seed = 0;
  double shard_gib = 0;
  // Sizes that replace the preset's.
  std::optional<int> vocab, hidden, intermediate, layers, heads, kv_heads, head_dim, context;
  bool attention_bias = false, mlp_bias = false, tie = false;
};

void make_random_command(const MakeRandomArguments& a) {
  ModelConfig config = preset_config(a.preset);
  const auto replace = [](int& field, std::optional<int> value) {
    if (value) field = *value;
    return value.has_value();
  };
  // Not past what the cast to bytes can hold, and 0 bytes would be one file.
  constexpr double kMostGib = 1 << 20;
  const double shard_bytes = a.shard_gib * (1 << 30);
  if (a.shard_gib != 0 && !(shard_bytes >= 1 && a.shard_gib <= kMostGib)) {
    throw InputError(
        fmt::format("--shard-gib: expected 0 or a number above it, at most {}, found {}", kMostGib,
                    a.shard_gib));
  }
  replace(config.vocab_size, a.vocab);
  replace(config.intermediate_size, a.intermediate);
  replace(config.num_hidden_layers, a.layers);
  replace(config.max_position_embeddings, a.context);
  const bool new_width = replace(config.hidden_size, a.hidden);
  const bool new_heads = replace(config.num_attention_heads, a.heads);
  if (new_heads) config.num_key_value_heads = config.num_attention_heads;
  replace(config.num_key_value_heads, a.kv_heads);
  if (new_width || new_heads)
    config.head_dim = config.hidden_size / std::max(1, config.num_attention_heads);
  replace(config.head_dim, a.head_dim);
  config.attention_bias = a.attention_bias;
  config.mlp_bias = a.mlp_bias;
  config.tie_word_embeddings = a.tie;
  config.dtype = parse_dtype(a.dtype, "--dtype");
  parse_config(config_to_json(config),
               "the shape asked for");  // refuses what does not fit together
  write_checkpoint(a.output, RandomWeights(config, a.seed),
                   static_cast<std::uint64_t>(shard_bytes));
  fmt::print("{}", describe_config(config));
}

}  // namespace

std::function<void()> add_perplexity(CLI::App& app) {
  auto arguments = std::make_shared<PerplexityArguments>();
  CLI::App* command =
      app.add_subcommand("perplexity", "Perplexity of a text file, by sliding windows");
  arguments->model.add_to(*command);
  command->add_option("--file", arguments->text_file, "Text to score")
      ->required()
      ->check(not_empty());
  command->add_option("--context", arguments->options.context,
                      "Tokens of a window [the trained context]");
  command->add_option("--stride", arguments->options.stride,
                      "Tokens between windows [half a window]");
  return [command, arguments] {
    if (command->parsed()) perplexity_command(*arguments);
  };
}

std::function<void()> add_inspect(CLI::App& app) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App* command =
      app.add_subcommand("inspect", "Config, tensors and the memory that a run will take");
  arguments->model.add_to(*command);
  command->add_flag("--tensors", arguments->tensors, "List the checkpoint's tensors");
  return [command, arguments] {
    if (command->parsed()) inspect_command(*arguments);
  };
}

std::function<void()> add_make_random(CLI::App& app) {
  auto a = std::make_shared<MakeRandomArguments>();
  CLI::App* command = app.add_subcommand("make-random", "Write a checkpoint of random weights");
  command->add_option("--output", a->output, "Folder to write")->required()->check(not_empty());
  command->add_option("--preset", a->preset, "tiny, 1b, 7b, 13b or 70b")
      ->capture_default_str()
      ->check(not_empty());
  command->add_option("--dtype", a->dtype, "fp32, fp16 or bf16")
      ->capture_default_str()
      ->check(not_empty());
  command->add_option("--seed", a->seed, "Seed of the weights")
      ->capture_default_str()
      ->check(seed_number());
  command->add_option("--shard-gib", a->shard_gib, "Shards of at most so many GiB; 0: one file")
      ->capture_default_str();
  command->add_option("--vocab", a->vocab, "V");
  command->add_option("--hidden", a->hidden, "C");
  command->add_option("--intermediate", a->intermediate, "F");
  command->add_option("--layers", a->layers, "L");
  command->add_option("--heads", a->heads, "H");
  command->add_option("--kv-heads", a->kv_heads, "G");
  command->add_option("--head-dim", a->head_dim, "D [C / H]");
  command->add_option("--context", a->context, "max_position_embeddings");
  command->add_flag("--attention-bias", a->attention_bias);
  command->add_flag("--mlp-bias", a->mlp_bias);
  command->add_flag("--tie", a->tie, "Tie the output projection to the embedding");
  return [command, a] {
    if (command->parsed()) make_random_command(*a);
  };
}

}  // namespace assay
