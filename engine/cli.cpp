#include "engine/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "engine/decimal.h"
#include "engine/random_weights.h"
#include "kernels/device/error.h"

namespace assay {

std::vector<int> parse_numbers(std::string_view text, const std::string& option) {
  std::vector<int> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = text.substr(begin, end - begin);
    begin = end + 1;
    if (!read_decimal(item, numbers.emplace_back())) {
      throw InputError(
          fmt::format("{}: expected whole numbers in decimal with commas between them, such as "
                      "0,3, found \"{}\" in \"{}\"",
                      option, item, text));
    }
  }
  return numbers;
}

CLI::Validator not_empty() {
  return {[](const std::string& value) {
            return std::string(value.empty() ? "expected a value, found an empty one" : "");
          },
          ""};
}

void ModelArguments::add_to(CLI::App& command) {
  CLI::Option_group* source = command.add_option_group("model");
  source->add_option("--model", model, "Folder of a Hugging Face checkpoint")->check(not_empty());
  source
      ->add_option("--random", random,
                   "A model of random weights, made in memory: tiny, 1b, 7b ...")
      ->check(not_empty());
  source->require_option(1);
  command.add_option("--random-seed", random_seed, "Seed of --random")
      ->capture_default_str()
      ->check(seed_number());
  command.add_option("--dtype", dtype, "fp32, fp16 or bf16 [the checkpoint's]")->check(not_empty());
  command
      .add_option("--kernels", kernels,
                  "Versions to use: best, baseline, op=version, ... [ASSAY_KERNELS, else best]")
      ->check(not_empty());
  command.add_option("--batch", batch, "Sequences at a time")->capture_default_str();
  command.add_option("--max-seq", max_seq, "Tokens of one sequence that fit [as needed]");
  command
      .add_option("--prefill-chunk", prefill_chunk, "New tokens of a sequence in one step, at most")
      ->capture_default_str();
  command.add_flag("--no-graph", no_graph, "Launch decode steps directly, not as graphs");
}

std::unique_ptr<WeightSource> ModelArguments::open() const {
  if (!random.empty()) {
    return std::make_unique<RandomWeights>(preset_config(random), random_seed);
  }
  return std::make_unique<Checkpoint>(model);
}

std::unique_ptr<Tokenizer> ModelArguments::open_tokenizer(const ModelConfig& config) const {
  return model.empty() ? nullptr : load_tokenizer(model, config);
}

RunOptions ModelArguments::run_options(const ModelConfig& config) const {
  RunOptions options;
  options.dtype = dtype.empty() ? config.dtype : parse_dtype(dtype, "--dtype");
  options.max_batch = batch;
  options.max_seq = max_seq;
  options.prefill_chunk = prefill_chunk;
  options.graphs = !no_graph;
  options.kernels = kernels.empty() ? KernelSet::from_environment() : KernelSet::parse(kernels);
  return options;
}

ProgressBar::ProgressBar(bool wanted, std::string unit)
    : shown_(wanted || ::isatty(STDERR_FILENO) != 0), unit_(std::move(unit)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputc('\n', stderr);
}

void ProgressBar::update(std::size_t done, std::size_t total) {
  if (!shown_) return;
  constexpr std::size_t kWidth = 40;
  const std::size_t filled = total == 0 ? kWidth : done * kWidth / total;
  fmt::print(stderr, "\r[{:<{}}] {} of {} {}", std::string(filled, '#'), kWidth, done, total,
             unit_);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace assay
