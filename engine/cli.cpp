#include "engine/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "engine/random_weights.h"

namespace assay {

void ModelArguments::add_to(CLI::App& command) {
  CLI::Option_group* source = command.add_option_group("model");
  source->add_option("--model", model, "Folder of a Hugging Face checkpoint");
  source->add_option("--random", random,
                     "A model of random weights, made in memory: tiny, 1b, 7b ...");
  source->require_option(1);
  command.add_option("--random-seed", random_seed, "Seed of --random")->capture_default_str();
  command.add_option("--dtype", dtype, "fp32, fp16 or bf16 [the checkpoint's]");
  command.add_option("--kernels", kernels,
                     "Versions to use: best, baseline, op=version, ... [ASSAY_KERNELS, else best]");
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
