// Llama 2 (Touvron et al., 2023) on the device: start reading here, and go on in llama.cpp.
//
// A step takes the new tokens of B sequences, packed without padding into T rows, through L decoder
// layers and appends their keys and values to the cache. A prefill is one step, or several chunks;
// a decode step has one new token per sequence and replays as a graph. Everything that differs from
// step to step lives in device memory, in `Activations`.
#pragma once

#include <any>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/activations.h"
#include "engine/checkpoint.h"
#include "engine/kv_cache.h"
#include "engine/weights.h"
#include "kernels/op.h"

namespace assay {

struct RunOptions {
  DType dtype = DType::kF32;  // weights, activations and cache; sums are fp32
  int max_batch = 1;          // sequences of one step
  int max_seq = 0;            // tokens of one sequence, prompt included; 0: the model's context
  int prefill_chunk = 512;    // new tokens of one sequence in one step, at most
  bool all_logits = false;    // make room for the logits of every row, not just the last ones
  bool graphs = true;         // replay decode steps as graphs
  bool share_arena = true;    // unset: no activation reuses another's memory
  KernelSet kernels;
};

/// New tokens of each sequence of a batch, and how many tokens of it are in the cache already.
struct StepInput {
  std::vector<std::vector<int>> ids;  // B lists; an empty one leaves that sequence as it is
  std::vector<int> past_lens;         // (B)
  int rope_length = 0;  // tokens in use, for dynamic rope scaling, where more are to follow
};

/// What the launches of a step depend on.
struct Step {
  int batch;   // B
  int tokens;  // T
  int t_max;   // T_max
  int s;       // S: the longest sequence, rounded up so that a graph serves many steps
};

enum class LogitRows : std::uint8_t { kLast, kAll };

/// An op that ran, the version that the kernel set chose for its shapes, and the op's Args.
struct Launched {
  std::string op;
  std::string version;
  std::any args;
};

/// An intermediate result, as named in the contracts: "layer.3.attention.scores". An observer may
/// overwrite `data`, to feed the ops that follow something else.
struct Tap {
  std::string name;
  void* data;  // device memory; valid during the call
  DType dtype;
  std::vector<long long> shape;
  std::vector<Launched> launched;  // since the tap before
};

class Llama {
 public:
  /// Uploads the weights and allocates cache and arena. Throws InputError where options and model
  /// do not fit.
  Llama(const WeightSource& source, RunOptions options);

  /// Runs `prompts` (B lists, none empty) after past_lens tokens each, in chunks of at most
  /// prefill_chunk. Returns the token sampled after the last one of each.
  std::vector<int> prefill(const std::vector<std::vector<int>>& prompts,
                           const std::vector<int>& past_lens);
  /// Appends one token to each sequence. Returns the next ones sampled.
  std::vector<int> decode(const std::vector<int>& tokens, const std::vector<int>& past_lens);

  /// How the next tokens are picked, per sequence; greedy for those left out.
  void set_sampling(std::vector<SamplingParams> params);
  /// Makes prefill and decode copy each sequence's last logits (B, V), in fp32, to logits().
  void keep_logits(bool keep) { keep_logits_ = keep; }
  const std::vector<float>& logits() const { return host_logits_; }

  /// Makes prefill and decode fill picked_logits().
  void keep_picked_logits(bool keep) { keep_picked_logits_ = keep; }
  /// The logit (B) of each token that the last prefill or decode returned. A decode looks only at
  /// token 0, which is what sampling returns where no logit is a number, as more would cost each
  /// step another wait for the device; the others it leaves at 0.
  const std::vector<float>& picked_logits() const { return picked_logits_; }

  // The parts of a step, for suites that feed them their own inputs. begin_step first; then x()
  // holds, and each block updates, the residual stream (T, C).
  Step begin_step(const StepInput& input);
  void embed(const Step& step);
  void attention_block(int layer, const Step& step);
  void feed_forward_block(int layer, const Step& step);
  void decoder_layer(int layer, const Step& step);
  void project_logits(const Step& step, LogitRows rows);
  void sample(const Step& step);
  /// All of them but sample, in order.
  void forward(const Step& step, LogitRows rows);
  void* x() { return a_.x; }

  /// The first `rows` rows of the last logits, in fp32, on the host.
  std::vector<float> copy_logits(int rows) const;
  std::vector<int> copy_tokens(int batch) const;

  /// Which versions run from the next step on. Graphs of decode steps are kept for each set.
  void use_kernels(KernelSet kernels) { options_.kernels = std::move(kernels); }

  /// Calls `observer` with every intermediate result; null stops it, and is the default. Steps are
  /// not replayed as graphs meanwhile.
  void set_observer(std::function<void(const Tap&)> observer) {
    observer_ = std::move(observer);
    launched_.clear();
  }

  const ModelConfig& config() const { return config_; }
  const RunOptions& options() const { return options_; }
  int max_seq() const { return options_.max_seq; }
  const Stream& stream() const { return stream_; }
  const MemoryPlan& plan() const { return a_.plan(); }
  KvCache& kv_cache() { return kv_cache_; }
  const Weights& weights() const { return weights_; }

 private:
  using Shape = std::initializer_list<long long>;
  void tap(std::string_view name, void* data, Shape shape);
  void tap(int layer, std::string_view name, void* data, Shape shape);
  void upload_rope(int length);
  float copy_logit(std::size_t row, int token) const;
  template <class Args>
  void run(const Op<Args>& op, const Args& args) {
    const Version<Args>& version = options_.kernels.resolve(op, args);
    if (observer_) launched_.push_back({op.name, version.name, args});
    version.launch(args, stream_);
  }

  ModelConfig config_;
  RunOptions options_;
  int s_max_;  // max_seq, rounded up to whole buckets of S
  Stream stream_;
  Weights weights_;
  KvCache kv_cache_;  // (L, 2, B, G, S_max, D)
  Activations a_;
  std::function<void(const Tap&)> observer_;
  std::vector<Launched> launched_;  // since the last tap, while there is an observer
  // By kernel set, B and S.
  std::map<std::tuple<std::string, int, int>, std::unique_ptr<Graph>> decode_graphs_;

  std::vector<int> host_inputs_;  // what step_inputs was last filled from
  std::vector<SamplingParams> host_sampling_;
  std::vector<float> host_inv_freq_;
  bool keep_logits_ = false;
  std::vector<float> host_logits_;  // (B, V)
  bool keep_picked_logits_ = false;
  std::vector<float> picked_logits_;  // (B)
};

/// The options, with the model's context where max_seq is 0. Throws InputError for those that a
/// Llama of this config refuses, and for sizes whose memory cannot be counted.
RunOptions checked_options(RunOptions options, const ModelConfig& config);
/// Limits of the arena that a Llama with these options plans; `inspect` prints the same plan.
ActivationLimits activation_limits(const RunOptions& options);
/// max_seq rounded up to whole buckets: the slots of the cache.
int cache_slots(const RunOptions& options);

}  // namespace assay
