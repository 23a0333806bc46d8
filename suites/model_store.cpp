#include "suites/model_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/random_weights.h"
#include "kernels/device/properties.h"
#include "suites/model_checks.h"

namespace assay::suites {
namespace {

// How much of a GPU's memory an engine may take: LibTorch keeps what it has once used.
constexpr double ENGINE_SHARE = 0.75;
constexpr double MOST_EMULATED_BYTES = 1e8;  // of a model whose steps take seconds, not hours
constexpr int FILL_CHUNK = 256;              // tokens at once where a prompt only fills the cache

// What an engine is made for. Decode steps need room for long caches and large batches, prefills
// for long steps: together they are more than a GPU holds.
RunOptions run_options(DType dtype, Phase phase, int batch, int seq) {
  RunOptions run;
  run.dtype = dtype;
  run.max_batch = batch;
  run.max_seq = seq;
  run.prefill_chunk = phase == Phase::kPrefill ? seq : std::min(seq, FILL_CHUNK);
  return run;
}

double engine_bytes(const ModelConfig& config, const RunOptions& run) {
  const std::size_t bytes = Weights::bytes(config, run.dtype) +
                            KvCache::bytes(config, run.dtype, run.max_batch, cache_slots(run)) +
                            plan_activations(config, run.dtype, activation_limits(run)).total_bytes;
  return static_cast<double>(bytes);
}

bool fits(const ModelConfig& config, const RunOptions& run) {
  return engine_bytes(config, run) <=
         ENGINE_SHARE * static_cast<double>(properties().total_memory_bytes);
}

Phase phase_of(const ModelShape& shape) { return shape.decode ? Phase::kDecode : Phase::kPrefill; }

// Sequence 0's cache for all the others too.
void copy_cache(Llama& llama, int batch) {
  const ModelConfig& config = llama.config();
  const RunOptions& run = llama.options();
  const std::size_t sequence = KvCache::bytes(config, run.dtype, 1, cache_slots(run)) /
                               (2 * static_cast<std::size_t>(config.num_hidden_layers));
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    for (void* side : {llama.kv_cache().k(layer), llama.kv_cache().v(layer)}) {
      for (int b = 1; b < batch; ++b) {
        copy_on_device(static_cast<std::byte*>(side) + static_cast<std::size_t>(b) * sequence, side,
                       sequence, llama.stream());
      }
    }
  }
}

}  // namespace

ModelStore::ModelStore(const std::string& model, DType dtype, const std::vector<WorkPoint>& points,
                       std::uint64_t seed)
    : config_(preset_config(model)), seed_(seed) {
  config_.dtype = dtype;
  for (const WorkPoint& point : points) {
    if (!why_not(point).empty()) continue;
    WorkPoint& largest = largest_.try_emplace(point.phase, point).first->second;
    largest.batch = std::max(largest.batch, point.batch);
    largest.seq = std::max(largest.seq, point.seq);
    lengths_.insert(point.seq);
  }
}

std::string ModelStore::why_not(const WorkPoint& point) const {
  const std::string far = beyond(config_, point);
  if (!far.empty()) return far;
  const RunOptions own = run_options(config_.dtype, point.phase, point.batch, point.seq);
  if (properties().kind == DeviceKind::kEmulated &&
      engine_bytes(config_, own) > MOST_EMULATED_BYTES) {
    return fmt::format("too large for the emulated device: an engine of {:.1f} GB",
                       engine_bytes(config_, own) * 1e-9);
  }
  if (fits(config_, own)) return "";
  return fmt::format("its engine would take {:.1f} GB of this device's {:.1f}",
                     engine_bytes(config_, own) * 1e-9,
                     static_cast<double>(properties().total_memory_bytes) * 1e-9);
}

RunOptions ModelStore::options(const WorkPoint& point) const {
  const WorkPoint& all = largest_.at(point.phase);
  RunOptions joint = run_options(config_.dtype, point.phase, all.batch, all.seq);
  if (fits(config_, joint)) return joint;
  return run_options(config_.dtype, point.phase, point.batch, point.seq);
}

Llama& ModelStore::engine(const ModelShape& shape) {
  const RunOptions run = options({phase_of(shape), shape.batch, shape.kv_len});
  const auto key = std::tuple(run.max_batch, run.max_seq, run.prefill_chunk);
  if (!engine_ || key != key_) {
    engine_.reset();
    verdicts_.clear();
    engine_ = std::make_unique<Llama>(RandomWeights(config_, seed_), run);
    key_ = key;
  }
  engine_->use_kernels(KernelSet::parse(shape.kernel_set));
  return *engine_;
}

std::vector<int> ModelStore::prompt(int length) const {
  Random random(seed_for(seed_, "sweep prompt"));
  std::vector<int> tokens;
  for (int i = 0; i < length; ++i) tokens.push_back(random.between(3, config_.vocab_size - 1));
  return tokens;
}

const Answer& ModelStore::answer(int length) {
  if (answers_.empty()) {  // one pass through the weights for all lengths
    const std::vector<int> lengths(lengths_.begin(), lengths_.end());
    std::vector<Answer> all = streamed_logits(RandomWeights(config_, seed_), config_.dtype,
                                              prompt(lengths.back()), lengths);
    for (std::size_t i = 0; i < all.size(); ++i) answers_[lengths[i]] = std::move(all[i]);
  }
  return answers_.at(length);
}

const Verdict& ModelStore::check(const ModelShape& shape) {
  engine(shape);  // another one forgets the verdicts
  const auto key = std::tuple(shape.kernel_set, phase_of(shape), shape.batch, shape.kv_len);
  const auto found = verdicts_.find(key);
  if (found != verdicts_.end()) return found->second;
  return verdicts_.emplace(key, run_and_judge(shape)).first->second;
}

void ModelStore::fill_cache(const ModelShape& shape) {
  if (!shape.decode || shape.kv_len == 1) return;
  Llama& llama = engine(shape);
  std::vector<int> past = prompt(shape.kv_len);
  past.pop_back();
  llama.prefill({past}, {0});
  copy_cache(llama, shape.batch);
}

Verdict ModelStore::run_and_judge(const ModelShape& shape) {
  Llama& llama = engine(shape);
  const auto batch = static_cast<std::size_t>(shape.batch);
  const std::vector<int> prompt = this->prompt(shape.kv_len);
  fill_cache(shape);
  llama.keep_logits(true);
  if (shape.decode) {
    llama.decode(std::vector<int>(batch, prompt.back()), std::vector<int>(batch, shape.kv_len - 1));
  } else {
    llama.prefill(std::vector<std::vector<int>>(batch, prompt), std::vector<int>(batch, 0));
  }
  llama.keep_logits(false);
  return judge_logits(llama.logits(), shape);
}

Verdict ModelStore::judge_logits(const std::vector<float>& logits, const ModelShape& shape) {
  const Answer expected =
      concatenate(std::vector<Answer>(static_cast<std::size_t>(shape.batch), answer(shape.kv_len)));
  HostTensor found(shape.dtype, {shape.batch, config_.vocab_size});
  for (std::size_t i = 0; i < found.count(); ++i) found.set(i, static_cast<double>(logits.at(i)));
  return judge("logits", found, expected, config_.intermediate_size,
               stream_roundings(config_.num_hidden_layers - 1));
}

}  // namespace assay::suites
