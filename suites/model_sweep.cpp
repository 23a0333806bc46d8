// Prefill and decode of a random model: tokens per second, launches and allocations per step,
// beside the bytes and operations that a step cannot do without.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

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

ModelConfig config_of(const SweepOptions& options, DType dtype) {
  ModelConfig config = preset_config(options.model);
  config.dtype = dtype;
  return config;
}

// The engine at hand, and what the reference says to the prompts of the sweep. One engine at a
// time, as two of 7B and their caches are more than a GPU may hold.
class ModelStore {
 public:
  explicit ModelStore(SweepOptions options) : options_(std::move(options)) {}

  Llama& engine(DType dtype, const std::string& kernel_set) {
    const std::string key = fmt::format("{}/{}", assay::name_of(dtype), kernel_set);
    if (key == key_) return *engine_;
    engine_.reset();
    RunOptions run;
    run.dtype = dtype;
    run.kernels = KernelSet::parse(kernel_set);
    int longest = options_.context;
    for (const int batch : options_.decode) run.max_batch = std::max(run.max_batch, batch);
    for (const int length : options_.prefill) longest = std::max(longest, length);
    run.max_seq = longest;
    run.prefill_chunk = longest;
    engine_ = std::make_unique<Llama>(source(dtype), run);
    key_ = key;
    return *engine_;
  }

  /// A prompt of `length` tokens, the same for everyone who asks for that length.
  std::vector<int> prompt(int length) const {
    return random_tokens(length, preset_config(options_.model).vocab_size, options_.common.seed);
  }

  /// The reference's logits (1, V) after prompt(length).
  const Answer& answer(DType dtype, int length) {
    const auto [found, first_time] = answers_.try_emplace({dtype, length});
    if (first_time) found->second = streamed_logits(source(dtype), dtype, prompt(length));
    return found->second;
  }

 private:
  RandomWeights source(DType dtype) const {
    return {config_of(options_, dtype), options_.common.seed};
  }

  SweepOptions options_;
  std::unique_ptr<Llama> engine_;
  std::string key_;
  std::map<std::pair<DType, int>, Answer> answers_;
};

// One shape of the sweep on one engine.
struct Shape {
  DType dtype;
  std::string kernel_set;
  bool decode;
  int batch;
  int q_len;   // 1 for decode
  int kv_len;  // q_len for prefill
};

// Pairs of query and key that the causal mask shows.
double visible_pairs(const Shape& shape) {
  return shape.decode ? static_cast<double>(shape.batch) * shape.kv_len
                      : 0.5 * shape.batch * shape.q_len * (shape.q_len + 1.0);
}

// Runs the shape and compares its logits: those of every sequence, as all have the same prompt.
// Afterwards the cache holds what a timed step expects.
Verdict check(ModelStore& store, const Shape& shape) {
  Llama& llama = store.engine(shape.dtype, shape.kernel_set);
  const std::vector<int> prompt = store.prompt(shape.kv_len);
  llama.keep_logits(true);
  if (shape.decode) {
    // One sequence after the other, so that the prefill stays within the arena's batch of one.
    const std::vector<int> cached(prompt.begin(), prompt.end() - 1);
    for (int b = 0; b < shape.batch; ++b) {
      std::vector<std::vector<int>> prompts(static_cast<std::size_t>(b) + 1);
      prompts.back() = cached;
      const std::vector<int> past(prompts.size(), 0);
      llama.forward(llama.begin_step({prompts, past}), LogitRows::kLast);
      llama.stream().synchronize();
    }
    llama.decode(std::vector<int>(static_cast<std::size_t>(shape.batch), prompt.back()),
                 std::vector<int>(static_cast<std::size_t>(shape.batch), shape.kv_len - 1));
  } else {
    llama.prefill({prompt}, {0});
  }
  const std::vector<float> logits = llama.logits();
  llama.keep_logits(false);

  const Answer answer = concatenate(std::vector<Answer>(static_cast<std::size_t>(shape.batch),
                                                        store.answer(shape.dtype, shape.kv_len)));
  HostTensor found(shape.dtype, {shape.batch, llama.config().vocab_size});
  for (std::size_t i = 0; i < found.count(); ++i) found.set(i, static_cast<double>(logits.at(i)));
  return judge("logits", found, answer, llama.config().intermediate_size,
               stream_roundings(llama.config().num_hidden_layers - 1));
}

// Fills in the verdict; whether the shape may be timed.
bool passes(reports::Row& row, const Verdict& verdict) {
  describe_verdict(row, verdict);
  row.set("status", std::string_view(name_of(verdict.pass ? Status::kPass : Status::kFail)));
  if (!verdict.pass) fmt::print(stderr, "{}: {}\n", row.text("case_id"), verdict.describe());
  return verdict.pass;
}

double timed_us(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

// Whole steps as a caller sees them: until their tokens are on the host.
std::vector<double> measure_model(reports::Row& row, ModelStore& store, const Shape& shape) {
  if (!passes(row, check(store, shape))) return {};
  Llama& llama = store.engine(shape.dtype, shape.kernel_set);
  const std::vector<int> prompt = store.prompt(shape.kv_len);
  const std::vector<int> tokens(static_cast<std::size_t>(shape.batch), prompt.back());
  const std::vector<int> past(static_cast<std::size_t>(shape.batch), shape.kv_len - 1);
  const auto step = [&] {
    if (shape.decode) {
      llama.decode(tokens, past);  // writes the same slot every time
    } else {
      llama.prefill({prompt}, {0});
    }
  };
  step();  // sets libraries up
  step();  // records the graph
  reset_memory_stats();
  const std::uint64_t launches = launch_count();
  step();
  row.set("launches", launch_count() - launches);
  row.set("allocations", memory_stats().allocations);
  SamplingPlan plan;
  if (!shape.decode) plan.max_seconds = 2.0;
  const std::vector<double> samples = collect([&] { return timed_us(step); }, plan);
  row.set("peak_mem_bytes", memory_stats().peak_bytes);
  describe_times(row, samples, ceilings(shape.dtype, llama.stream()));
  const double seconds = row.real("t_median_us").value_or(0.0) * 1e-6;
  row.set("tok_per_s", static_cast<double>(shape.batch) * shape.q_len / seconds);
  if (!shape.decode) row.set("ttft_ms", seconds * 1e3);
  return samples;
}

// One block of the first layer, replayed as a graph. The whole step is what is checked. A layer of
// 7B is larger than any cache, so its weights are read anew by each replay.
std::vector<double> measure_block(reports::Row& row, ModelStore& store, const Shape& shape,
                                  Block block) {
  if (!passes(row, check(store, shape))) return {};
  Llama& llama = store.engine(shape.dtype, shape.kernel_set);
  const std::vector<int> prompt = store.prompt(shape.kv_len);
  StepInput input;
  for (int b = 0; b < shape.batch; ++b) {
    input.ids.emplace_back(prompt.end() - shape.q_len, prompt.end());
    input.past_lens.push_back(shape.kv_len - shape.q_len);
  }
  const Step step = llama.begin_step(input);
  llama.embed(step);
  const auto run = [&] {
    if (block == Block::kAttention) llama.attention_block(0, step);
    if (block == Block::kFeedForward) llama.feed_forward_block(0, step);
    if (block == Block::kDecoderLayer) llama.decoder_layer(0, step);
  };
  const std::uint64_t launches = launch_count();
  run();
  row.set("launches", launch_count() - launches);
  const std::vector<double> samples = time_graph(llama.stream(), {run}, {});
  describe_times(row, samples, ceilings(shape.dtype, llama.stream()));
  return samples;
}

reports::Row identity(const SweepOptions& options, const Shape& shape, const std::string& suite) {
  const ModelConfig config = preset_config(options.model);
  reports::Row row = common_row(suite, options.common.seed);
  row.set("kernel_set", shape.kernel_set).set("phase", shape.decode ? "decode" : "prefill");
  row.set("batch", shape.batch).set("q_len", shape.q_len).set("kv_len", shape.kv_len);
  row.set("heads", config.num_attention_heads).set("kv_heads", config.num_key_value_heads);
  row.set("head_dim", config.head_dim);
  row.set("dtype", assay::name_of(shape.dtype)).set("accumulate", "fp32");
  return row;
}

std::string shape_id(const Shape& shape) {
  return fmt::format("{}/batch={},q_len={},kv_len={}", shape.decode ? "decode" : "prefill",
                     shape.batch, shape.q_len, shape.kv_len);
}

std::string repro(const SweepOptions& options, const Shape& shape, const std::string& name) {
  return fmt::format(
      "sweep --level model --model {} --dtype {} --kernels '{}' --seed {} --benchmark_filter='{}'",
      options.model, assay::name_of(shape.dtype), shape.kernel_set, options.common.seed, name);
}

SweepEntry model_entry(const SweepOptions& options, const Shape& shape,
                       const std::shared_ptr<ModelStore>& store) {
  const ModelConfig config = preset_config(options.model);
  SweepEntry entry;
  entry.name = fmt::format("{}/{}/{}/{}", options.model, assay::name_of(shape.dtype),
                           shape.kernel_set, shape_id(shape));
  entry.identity = identity(options, shape, "generation");
  entry.identity.set("case_id", options.model + "/" + shape_id(shape)).set("graph", shape.decode);
  const double head = static_cast<double>(config.hidden_size) * config.vocab_size;
  const double tokens = static_cast<double>(shape.batch) * shape.q_len;
  entry.identity.set("flops", std::llround(2.0 * tokens * (matrix_elements(config) - head) +
                                           2.0 * shape.batch * head +
                                           attention_flops(config, visible_pairs(shape))));
  entry.identity.set(
      "bytes", std::llround(matrix_elements(config) * static_cast<double>(size_of(shape.dtype)) +
                            kv_bytes_per_token(config, shape.dtype) * shape.batch * shape.kv_len));
  entry.identity.set("repro_cmd", repro(options, shape, entry.name));
  entry.measure = [=](reports::Row& row) { return measure_model(row, *store, shape); };
  return entry;
}

SweepEntry block_entry(const SweepOptions& options, const Shape& shape, Block block,
                       const std::shared_ptr<ModelStore>& store) {
  const ModelConfig config = preset_config(options.model);
  SweepEntry entry;
  entry.name = fmt::format("{}/{}/{}/{}/{}", options.model, assay::name_of(shape.dtype),
                           shape.kernel_set, name_of(block), shape_id(shape));
  entry.identity = identity(options, shape, "layer");
  entry.identity.set("op", name_of(block)).set("graph", true);
  entry.identity.set("case_id", options.model + "/" + shape_id(shape));
  const double tokens = static_cast<double>(shape.batch) * shape.q_len;
  const double width = config.hidden_size;
  const double feed_forward = 3.0 * width * config.intermediate_size;
  const double head = width * config.vocab_size;
  const double layer = (matrix_elements(config) - head) / config.num_hidden_layers;
  const bool attends = block != Block::kFeedForward;
  const double elements = block == Block::kFeedForward ? feed_forward
                          : block == Block::kAttention ? layer - feed_forward
                                                       : layer;
  const double layers = config.num_hidden_layers;
  const double pairs_flops = attention_flops(config, visible_pairs(shape)) / layers;
  const double kv_bytes =
      kv_bytes_per_token(config, shape.dtype) / layers * shape.batch * shape.kv_len;
  const double size = static_cast<double>(size_of(shape.dtype));
  entry.identity.set("flops",
                     std::llround(2.0 * tokens * elements + (attends ? pairs_flops : 0.0)));
  entry.identity.set(
      "bytes", std::llround((elements + 2.0 * tokens * width) * size + (attends ? kv_bytes : 0.0)));
  entry.identity.set("repro_cmd", repro(options, shape, entry.name));
  entry.measure = [=](reports::Row& row) { return measure_block(row, *store, shape, block); };
  return entry;
}

}  // namespace

void register_model_sweep(const SweepOptions& options, SweepReport& report) {
  const auto store = std::make_shared<ModelStore>(options);
  for (const DType dtype : options.dtypes) {
    for (const std::string& set : options.kernel_sets) {
      std::vector<Shape> shapes;
      for (const int length : options.prefill) {
        shapes.push_back({dtype, set, false, 1, length, length});
      }
      for (const int batch : options.decode) {
        shapes.push_back({dtype, set, true, batch, 1, options.context});
      }
      for (const Shape& shape : shapes) {
        for (const Block block : {Block::kAttention, Block::kFeedForward, Block::kDecoderLayer}) {
          register_entry(block_entry(options, shape, block, store), report);
        }
        register_entry(model_entry(options, shape, store), report);
      }
    }
  }
}

}  // namespace assay::suites
