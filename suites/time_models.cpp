#include "suites/time_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "engine/llama.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "suites/accounting.h"
#include "suites/input_sets.h"
#include "suites/interrupt.h"
#include "suites/kernel_run.h"
#include "suites/measure.h"
#include "suites/model_peer.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

// What LibTorch computes is the same work if its error is no more than this many times what the
// engine's may be; wrong work is off by hundreds.
constexpr double MOST_PEER_ERROR = 8.0;
// Prefills of thousands of tokens last long enough for few samples in the usual half a second.
constexpr double STEP_SECONDS = 2.0;

// Fills in the verdict; whether the shape may be timed.
bool passes(reports::Row& row, const Verdict& verdict) {
  describe_verdict(row, verdict);
  row.set("status", std::string_view(name_of(verdict.pass ? Status::kPass : Status::kFail)));
  if (verdict.pass) return true;
  row.set("reason", verdict.describe());
  fmt::print(stderr, "{}: {}\n", row.text("case_id"), verdict.describe());
  return false;
}

double timed_us(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

// What is timed: its samples, and replays for its load.
struct Timed {
  Sampler sampler;
  Replay replay;
};

// A step from the host's tokens to the host's tokens.
Timed timed_step(std::function<void()> step) {
  const double seconds = timed_us(step) * 1e-6;
  return {[step] { return timed_us(step); }, {step, 1.0, seconds}};
}

Timed engine_step(ModelStore& store, const ModelShape& shape, reports::Row& row) {
  const auto batch = static_cast<std::size_t>(shape.batch);
  const std::vector<int> prompt = store.prompt(shape.kv_len);
  Llama& llama = store.engine(shape);
  const std::function<void()> step =
      [&llama, decode = shape.decode, prompts = std::vector<std::vector<int>>(batch, prompt),
       tokens = std::vector<int>(batch, prompt.back()), none = std::vector<int>(batch, 0),
       past = std::vector<int>(batch, shape.kv_len - 1)] {
        if (decode) {
          llama.decode(tokens, past);  // writes the same slot every time
        } else {
          llama.prefill(prompts, none);
        }
      };
  step();  // sets libraries up
  step();  // records the graph
  account_step(row, step);
  Timed timed = timed_step(step);
  timed.sampler = [&store, shape, step] {
    store.engine(shape);  // its kernel set, which is no part of the step
    return timed_us(step);
  };
  return timed;
}

// The block of each of the first `layers` layers in turn.
Timed engine_block(ModelStore& store, const ModelShape& shape, Block block, int layers,
                   reports::Row& row) {
  Llama& llama = store.engine(shape);
  const std::vector<int> prompt = store.prompt(shape.kv_len);
  StepInput input;
  for (int b = 0; b < shape.batch; ++b) {
    input.ids.emplace_back(prompt.end() - shape.q_len, prompt.end());
    input.past_lens.push_back(shape.kv_len - shape.q_len);
  }
  const Step step = llama.begin_step(input);
  llama.embed(step);
  std::vector<std::function<void()>> runs;
  for (int layer = 0; layer < layers; ++layer) {
    runs.emplace_back([&llama, block, layer, step] {
      if (block == Block::kAttention) llama.attention_block(layer, step);
      if (block == Block::kFeedForward) llama.feed_forward_block(layer, step);
      if (block == Block::kDecoderLayer) llama.decoder_layer(layer, step);
    });
  }
  account_step(row, [&] {
    runs.front()();
    llama.stream().synchronize();
  });
  const Replay replay = record_graph(llama.stream(), runs);
  return {sampler_of(llama.stream(), replay), replay};
}

// LibTorch's, or none and the reason on stderr.
std::optional<Timed> peer_of(ModelStore& store, const ModelShape& shape,
                             const std::optional<Block>& block, int layers,
                             const std::string& name) {
  if (times_only()) return std::nullopt;
  try {
    Llama& llama = store.engine(shape);
    const auto peer =
        std::make_shared<ModelPeer>(llama, store.prompt(shape.kv_len), shape.batch, shape.q_len);
    const Verdict verdict = store.judge_logits(peer->logits(), shape);
    if (!(verdict.ratio <= MOST_PEER_ERROR)) {
      throw Error("its logits are not the reference's: " + verdict.describe());
    }
    if (!block) {
      const std::function<void()> step = [peer] { peer->step(); };
      step();  // records the graph
      return timed_step(step);
    }
    const Stream& stream = llama.stream();
    const auto in_turn = static_cast<std::size_t>(layers);
    const Replay replay =
        calibrate(stream, in_turn, [&](std::size_t passes) -> std::function<void()> {
          peer->record_block(*block, in_turn, passes);
          return [peer] { peer->replay_block(); };
        });
    return Timed{sampler_of(stream, replay), replay};
  } catch (const Error& error) {
    fmt::print(stderr, "{}: no time of LibTorch: {}\n", name, error.what());
    return std::nullopt;
  }
}

}  // namespace

void time_models(ModelStore& store, const std::optional<Block>& block, std::vector<ModelRow>& rows,
                 std::uint64_t seed) {
  std::vector<ModelRow*> chosen;
  std::vector<Timed> timed;
  for (ModelRow& row : rows) {
    stop_if_interrupted();
    if (!passes(*row.row, store.check(row.shape))) continue;
    chosen.push_back(&row);
  }
  if (chosen.empty()) return;
  // A shape that was checked before: the blocks of others have written over its cache since.
  store.fill_cache(chosen.front()->shape);
  // One layer's weights would stay in the L2 cache of a small model, as in no forward pass.
  const double to_be_cold =
      sets_to_be_cold(chosen.front()->row->real("bytes").value_or(0.0), properties().l2_bytes);
  const int layers =
      block ? static_cast<int>(std::min<double>(to_be_cold, store.config().num_hidden_layers)) : 1;
  for (const ModelRow* row : chosen) {
    stop_if_interrupted();
    timed.push_back(block ? engine_block(store, row->shape, *block, layers, *row->row)
                          : engine_step(store, row->shape, *row->row));
  }
  const ModelShape& shape = chosen.front()->shape;
  const std::string name = chosen.front()->row->text("case_id");
  const std::optional<Timed> peer = peer_of(store, shape, block, layers, name);

  SamplingPlan plan;
  if (!block && !shape.decode) plan.max_seconds = STEP_SECONDS;
  std::vector<Sampler> samplers;
  for (const Timed& one : timed) samplers.push_back(one.sampler);
  if (peer) samplers.push_back(peer->sampler);
  Random order(seed_for(seed, name + (block ? name_of(*block) : "")));
  const std::vector<Collected> collected = collect_interleaved(
      samplers, std::vector<SamplingPlan>(samplers.size(), plan), order, Gauge{});

  const Stream& stream = store.engine(shape).stream();
  const Ceilings limits = ceilings(shape.dtype, stream);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    reports::Row& row = *chosen[i]->row;
    chosen[i]->samples_us = collected[i].samples_us;
    describe_times(row, collected[i]);
    if (peer) describe_peer(row, collected.back());
    if (layers >= to_be_cold) describe_roofline(row, limits);
    store.engine(chosen[i]->shape);
    Gauge gauge;
    if (times_only()) gauge.energy_j = [] { return std::nullopt; };
    describe_load(row, load_of(stream, timed[i].replay, gauge));
    if (block) continue;
    const double seconds = row.real("t_median_us").value_or(0.0) * 1e-6;
    row.set("tok_per_s", static_cast<double>(shape.batch) * shape.q_len / seconds);
    if (!shape.decode) row.set("ttft_ms", seconds * 1e3);
  }
}

}  // namespace assay::suites
