// llama2 round
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "engine/cli.h"
#include "engine/files.h"
#include "engine/random_weights.h"
#include "engine/rounded_weights.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

struct RoundArguments {
  std::string model;
  std::string output;
  std::string layers;
  Rounding rounding;
  std::string dtype;
};

// The source with another dtype in its config, which is the one that a checkpoint is written in.
class WithDtype final : public WeightSource {
 public:
  WithDtype(const WeightSource& source, DType dtype) : source_(source), config_(source.config()) {
    config_.dtype = dtype;
  }
  const ModelConfig& config() const override { return config_; }
  void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
            void* out) const override {
    source_.read(name, first, count, dtype, out);
  }

 private:
  const WeightSource& source_;
  ModelConfig config_;
};

void round_command(RoundArguments arguments) {
  namespace fs = std::filesystem;
  arguments.rounding.layers = parse_numbers(arguments.layers, "--layers");
  const Checkpoint checkpoint(arguments.model);
  const RoundedWeights rounded(checkpoint, arguments.rounding);
  const DType dtype =
      arguments.dtype.empty() ? checkpoint.config().dtype : parse_dtype(arguments.dtype, "--dtype");
  std::map<std::string, std::string> others;
  for (const char* name : {"tokenizer.model", "tokenizer_config.json", "generation_config.json"}) {
    const fs::path from = fs::path(arguments.model) / name;
    if (fs::exists(from)) others[name] = read_text_file(from);
  }
  write_checkpoint(arguments.output, WithDtype(rounded, dtype), /*shard_bytes=*/0, others);
  for (const std::string& name : rounded.rounded()) {
    fmt::print("{} rounded to {} bits\n", name, arguments.rounding.bits);
  }
}

}  // namespace

std::function<void()> add_round(CLI::App& app) {
  auto a = std::make_shared<RoundArguments>();
  CLI::App* command = app.add_subcommand(
      "round", "Write a copy of a checkpoint with the matrices of some layers rounded to few bits");
  command->add_option("--model", a->model, "Checkpoint folder")->required()->check(not_empty());
  command->add_option("--output", a->output, "Folder to write")->required()->check(not_empty());
  command->add_option("--layers", a->layers, "Layers, from 0: 3 or 0,3")->required();
  command->add_option("--bits", a->rounding.bits, "Bits of a rounded weight")
      ->capture_default_str();
  command->add_option("--group-size", a->rounding.group_size, "Weights of a row that share a scale")
      ->capture_default_str();
  command->add_option("--dtype", a->dtype, "fp32, fp16 or bf16 [the checkpoint's]")
      ->check(not_empty());
  return [command, a] {
    if (command->parsed()) round_command(*a);
  };
}

}  // namespace assay
