// The subcommands of llama2: each adds itself to the app; what it returns runs it once parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/llama.h"
#include "engine/tokenizer.h"

namespace assay {

std::function<void()> add_generate(CLI::App& app);
std::function<void()> add_perplexity(CLI::App& app);
std::function<void()> add_inspect(CLI::App& app);
std::function<void()> add_make_random(CLI::App& app);
std::function<void()> add_round(CLI::App& app);

/// "0,3": whole numbers in decimal, none left out. `option` starts the message of the InputError.
std::vector<int> parse_numbers(std::string_view text, const std::string& option);

/// For options whose empty value would read as one that was not given.
CLI::Validator not_empty();

/// Options of every command that names a model.
struct ModelArguments {
  std::string model;   // checkpoint folder
  std::string random;  // preset of a random model, made in memory
  std::uint64_t random_seed = 0;
  std::string dtype;  // empty: the checkpoint's
  std::string kernels;
  int batch = 1;
  int max_seq = 0;
  int prefill_chunk = 512;
  bool no_graph = false;

  void add_to(CLI::App& command);
  /// The checkpoint, opened and checked, or the random model.
  std::unique_ptr<WeightSource> open() const;
  /// The checkpoint's tokenizer; null for a random model, and where the folder has none.
  std::unique_ptr<Tokenizer> open_tokenizer(const ModelConfig& config) const;
  RunOptions run_options(const ModelConfig& config) const;
};

/// A bar on stderr, where that is a terminal or the user asked for it.
class ProgressBar {
 public:
  ProgressBar(bool wanted, std::string unit);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  bool shown() const { return shown_; }
  void update(std::size_t done, std::size_t total);

 private:
  bool shown_;
  bool drawn_ = false;
  std::string unit_;
};

}  // namespace assay
