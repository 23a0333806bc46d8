// Prefill and decode of a random model: tokens per second, launches and allocations per step,
// beside the bytes and operations that a step cannot do without.
#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>

#include "engine/llama.h"
#include "engine/random_weights.h"
#include "kernels/device/properties.h"
#include "suites/kernel_run.h"
#include "suites/measure.h"
#include "suites/model_checks.h"
#include "suites/model_oracle.h"
#include "suites/rows.h"
#include "suites/sweeps.h"

namespace assay::suites {
namespace {

constexpr int CHECKED_PROMPT = 12;  // tokens of the generation that is checked before any is timed
constexpr int CHECKED_STEPS = 4;

// Weights that every token reads: all but the embedding table, unless the logits use that.
double matrix_elements(const ModelConfig& c) {
  const double width = c.hidden_size;
  const double heads = static_cast<double>(c.num_attention_heads) * c.head_dim;
  const double kv = static_cast<double>(c.num_key_value_heads) * c.head_dim;
  const double layer = width * (heads + 2 * kv) + heads * width + 3.0 * width * c.intermediate_size;
  return layer * c.num_hidden_layers + width * c.vocab_size;
}

double kv_bytes_per_token(const ModelConfig& c, DType dtype) {
  return 2.0 * c.num_hidden_layers * c.num_key_value_heads * c.head_dim *
         static_cast<double>(size_of(dtype));
}

// Operations of attention over `pairs` pairs of query and key.
double attention_flops(const ModelConfig& c, double pairs) {
  return 4.0 * pairs * c.num_attention_heads * c.head_dim * c.num_hidden_layers;
}

std::vector<int> random_tokens(int count, int vocab, std::uint64_t seed) {
  Random random(seed_for(seed, "sweep prompt"));
  std::vector<int> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(random.between(3, vocab - 1));
  return tokens;
}

// A model of one kernel set and dtype, made when its first row is measured, checked once.
class SweptModel {
 public:
  SweptModel(const SweepOptions& options, DType dtype, const std::string& kernel_set)
      : source_(config_of(options, dtype), options.common.seed) {
    RunOptions run;
    run.dtype = dtype;
    run.kernels = KernelSet::parse(kernel_set);
    int longest = options.context + 64;
    for (const int batch : options.decode) run.max_batch = std::max(run.max_batch, batch);
    for (const int length : options.prefill) longest = std::max(longest, length);
    run.max_seq = std::min(longest, source_.config().context_length());
    run.prefill_chunk = run.max_seq;
    llama_ = std::make_unique<Llama>(source_, run);
    verdict_ = check(options.common.seed);
  }

  Llama& llama() { return *llama_; }
  const Verdict& verdict() const { return verdict_; }

 private:
  static ModelConfig config_of(const SweepOptions& options, DType dtype) {
    ModelConfig config = preset_config(options.model);
    config.dtype = dtype;
    return config;
  }

  // A short greedy generation, every step's logits against the reference on the same tokens.
  Verdict check(std::uint64_t seed) {
    const ModelConfig& config = source_.config();
    std::vector<int> fed = random_tokens(CHECKED_PROMPT, config.vocab_size, seed);
    llama_->keep_logits(true);
    std::vector<float> logits;
    std::vector<int> next = llama_->prefill({fed}, {0});
    for (int step = 0;; ++step) {
      logits.insert(logits.end(), llama_->logits().begin(),
                    llama_->logits().begin() + config.vocab_size);
      if (step == CHECKED_STEPS) break;
      fed.push_back(next[0]);
      next = llama_->decode(next, {static_cast<int>(fed.size()) - 1});
    }
    llama_->keep_logits(false);

    Answer answer = streamed_logits(source_, llama_->options().dtype, fed);
    const auto skipped = static_cast<std::ptrdiff_t>(CHECKED_PROMPT - 1) * config.vocab_size;
    answer.exact.erase(answer.exact.begin(), answer.exact.begin() + skipped);
    answer.same_dtype.erase(answer.same_dtype.begin(), answer.same_dtype.begin() + skipped);
    HostTensor found(llama_->options().dtype, {CHECKED_STEPS + 1, config.vocab_size});
    for (std::size_t i = 0; i < logits.size(); ++i) found.set(i, static_cast<double>(logits[i]));
    return judge("logits", found, answer, config.intermediate_size);
  }

  RandomWeights source_;
  std::unique_ptr<Llama> llama_;
  Verdict verdict_;
};

// The model at hand: one at a time, as two would not fit beside each other.
class ModelStore {
 public:
  explicit ModelStore(SweepOptions options) : options_(std::move(options)) {}
  SweptModel& get(DType dtype, const std::string& kernel_set) {
    const std::string key = fmt::format("{}/{}", assay::name_of(dtype), kernel_set);
    if (key != key_) {
      model_.reset();
      model_ = std::make_unique<SweptModel>(options_, dtype, kernel_set);
      key_ = key;
    }
    return *model_;
  }
  const SweepOptions& options() const { return options_; }

 private:
  SweepOptions options_;
  std::unique_ptr<SweptModel> model_;
  std::string key_;
};

double timed_us(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

// Times `step`, which returns when its tokens are on the host.
std::vector<double> time_steps(reports::Row& row, SweptModel& model, double tokens_per_step,
                               const std::function<void()>& step, const SamplingPlan& plan) {
  describe_verdict(row, model.verdict());
  row.set("status",
          std::string_view(name_of(model.verdict().pass ? Status::kPass : Status::kFail)));
  if (!model.verdict().pass) {
    fmt::print(stderr, "{}: {}\n", row.text("case_id"), model.verdict().describe());
    return {};
  }
  step();  // sets libraries up
  step();  // records the graph
  reset_memory_stats();
  const std::uint64_t launches = launch_count();
  step();
  row.set("launches", launch_count() - launches);
  row.set("allocations", memory_stats().allocations);
  const std::vector<double> samples = collect([&] { return timed_us(step); }, plan);
  row.set("peak_mem_bytes", memory_stats().peak_bytes);
  describe_times(row, samples, ceilings(model.llama().options().dtype, model.llama().stream()));
  row.set("tok_per_s", tokens_per_step / (row.real("t_median_us").value_or(0.0) * 1e-6));
  return samples;
}

std::vector<double> measure_prefill(reports::Row& row, SweptModel& model, int length,
                                    std::uint64_t seed) {
  Llama& llama = model.llama();
  const std::vector<int> prompt = random_tokens(length, llama.config().vocab_size, seed);
  SamplingPlan plan;
  plan.min_samples = 6;
  plan.max_seconds = 3.0;
  const auto samples = time_steps(
      row, model, length, [&] { llama.prefill({prompt}, {0}); }, plan);
  if (const auto median_us = row.real("t_median_us")) row.set("ttft_ms", *median_us * 1e-3);
  return samples;
}

std::vector<double> measure_decode(reports::Row& row, SweptModel& model, int batch, int context,
                                   std::uint64_t seed) {
  Llama& llama = model.llama();
  // The cache holds context - 1 tokens; every step writes the same last slot.
  const std::vector<int> prompt = random_tokens(context - 1, llama.config().vocab_size, seed);
  for (int first = 0; first < batch; ++first) {
    std::vector<std::vector<int>> prompts(static_cast<std::size_t>(first) + 1);
    std::vector<int> past(prompts.size(), 0);
    prompts.back() = prompt;
    if (prompts.size() == 1) {
      llama.prefill(prompts, past);
      continue;
    }
    const Step step = llama.begin_step({prompts, past});
    llama.forward(step, LogitRows::kLast);
    llama.stream().synchronize();
  }
  const std::vector<int> tokens(static_cast<std::size_t>(batch), prompt.back());
  const std::vector<int> past(static_cast<std::size_t>(batch), context - 1);
  return time_steps(row, model, batch, [&] { llama.decode(tokens, past); }, {});
}

}  // namespace

void register_model_sweep(const SweepOptions& options, SweepReport& report) {
  const auto store = std::make_shared<ModelStore>(options);
  const ModelConfig config = preset_config(options.model);
  const std::uint64_t seed = options.common.seed;
  for (const DType dtype : options.dtypes) {
    const double weights_bytes = matrix_elements(config) * static_cast<double>(size_of(dtype));
    for (const std::string& set : options.kernel_sets) {
      const auto entry_for = [&](const std::string& phase, int batch, int q_len, int kv_len) {
        SweepEntry entry;
        entry.name = fmt::format("{}/{}/{}/{}/batch={},q_len={},kv_len={}", options.model,
                                 assay::name_of(dtype), set, phase, batch, q_len, kv_len);
        entry.identity = common_row("generation", seed);
        entry.identity
            .set("case_id", fmt::format("{}/{}/batch={},q_len={},kv_len={}", options.model, phase,
                                        batch, q_len, kv_len))
            .set("kernel_set", set)
            .set("phase", phase)
            .set("batch", batch)
            .set("q_len", q_len)
            .set("kv_len", kv_len)
            .set("heads", config.num_attention_heads)
            .set("kv_heads", config.num_key_value_heads)
            .set("head_dim", config.head_dim)
            .set("dtype", assay::name_of(dtype))
            .set("accumulate", "fp32")
            .set("graph", phase == "decode");
        const double tokens = static_cast<double>(batch) * q_len;
        const double pairs = phase == "decode" ? static_cast<double>(batch) * kv_len
                                               : 0.5 * batch * q_len * (q_len + 1.0);
        const double logit_rows = batch;
        const double head = static_cast<double>(config.hidden_size) * config.vocab_size;
        entry.identity.set("flops",
                           std::llround(2.0 * tokens * (matrix_elements(config) - head) +
                                        2.0 * logit_rows * head + attention_flops(config, pairs)));
        entry.identity.set("bytes", std::llround(weights_bytes + kv_bytes_per_token(config, dtype) *
                                                                     batch * kv_len));
        entry.identity.set("repro_cmd",
                           fmt::format("sweep --level model --model {} --dtype {} --seed {} "
                                       "--benchmark_filter='{}'",
                                       options.model, assay::name_of(dtype), seed, entry.name));
        return entry;
      };
      for (const int length : options.prefill) {
        SweepEntry entry = entry_for("prefill", 1, length, length);
        entry.measure = [=](reports::Row& row) {
          return measure_prefill(row, store->get(dtype, set), length, seed);
        };
        register_entry(std::move(entry), report);
      }
      for (const int batch : options.decode) {
        SweepEntry entry = entry_for("decode", batch, 1, options.context);
        const int context = options.context;
        entry.measure = [=](reports::Row& row) {
          return measure_decode(row, store->get(dtype, set), batch, context, seed);
        };
        register_entry(std::move(entry), report);
      }
    }
  }
}

}  // namespace assay::suites
