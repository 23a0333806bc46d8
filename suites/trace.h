// A forward pass with every tap held against the reference twice: as it comes about (accumulated
// error), and with every op fed what the reference has before it (local error). The first tells
// where a result leaves its bound, the second whether the error was born there or carried there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/llama.h"
#include "suites/check.h"
#include "suites/model_oracle.h"

namespace assay::suites {

/// What an engine was fed, step by step: enough to do it again. A step may start a sequence over by
/// coming after fewer tokens than the cache holds.
struct Script {
  DType dtype = DType::kF32;
  std::string kernels = "best";
  int max_batch = 1;
  LogitRows rows = LogitRows::kAll;
  std::vector<StepInput> steps;
  std::optional<int> cache_fill;  // a byte that the KV cache is filled with beforehand
};

/// The steps of prefilling `fed` (B lists; the first prompt_lens[b] tokens of each, in chunks of at
/// most `chunk`) and decoding the rest of each, all of one number, token by token.
std::vector<StepInput> steps_of(const std::vector<std::vector<int>>& fed,
                                const std::vector<int>& prompt_lens, int chunk);

/// A forward pass for those who have none at hand: `prompts`, or a ragged batch of random ones
/// where there are none, and `decode` random tokens of each, one by one. dtype and kernels are left
/// to the caller. Throws InputError where a sequence does not fit `context`.
Script script_over(std::vector<std::vector<int>> prompts, int decode, int vocab, int context,
                   std::uint64_t seed);

/// A run of tokens that one or more steps added to one cache row; the reference takes it at once.
struct Stretch {
  std::vector<int> tokens;
  int prefill = 0;  // tokens of its first step, or those that step was said to be a part of
};
/// Where the rows of one sequence of one step are found.
struct Place {
  std::size_t stretch;
  int past;
  int q_len;  // 0: this sequence takes no part in the step
};
struct Layout {
  std::vector<Stretch> stretches;
  std::vector<std::vector<Place>> places;  // by step and sequence
};
/// Throws InputError where the script's steps do not fit together.
Layout layout_of(const Script& script);

/// What the reference says to each stretch of a script, and what tolerances need.
struct Truths {
  std::vector<std::vector<TapTruth>> stretches;  // taps in forward order, the same for all
  int layers = 0;
  int longest_sum = 1;
};
Truths ask(const ModelOracle& oracle, const Script& script);

/// One tap of one step, all sequences of the batch in one flat tensor.
struct TapTrace {
  std::size_t step;
  std::string name;
  std::vector<Launched> launched;  // since the tap before
  std::int64_t width;              // of a row; 1 where rows are of many widths, as of scores
  HostTensor found;                // by the engine, along its own way
  HostTensor found_local;          // by the engine, fed the reference's values
  Answer answer;
  Answer local_answer;
  Verdict accumulated;
  Verdict local;

  bool in_bound() const;  // both
  bool local_in_bound()
      const;  // true as well where a pass stopped before its local error was known
};

struct Trace {
  std::vector<TapTrace> taps;  // in the order in which they came about
  std::string problem;         // taps that only one side has, where the device stopped, or ""
  bool stopped = false;        // by a fault of the device or a problem no version supports

  /// The first tap out of bound; of those, the first whose local error is.
  const TapTrace* first_accumulated() const;
  const TapTrace* first_local() const;
  /// The earlier of the two; null where every tap is within its bounds.
  const TapTrace* first() const;
};

/// Called with each tap before it is compared; may overwrite its data, as a broken kernel would.
using Tamper = std::function<void(const Tap& tap, const Stream& stream)>;

/// Called with what there is as soon as a pass stops. A GPU's fault is lasting: the engine's own
/// memory can no longer be freed, which ends the process, so what should be kept is kept in here.
using OnStop = std::function<void(const Trace& trace)>;

/// Runs the script twice with taps, without graphs, and no two activations in the same memory; one
/// engine after the other. A pass that stops is told in `problem`, with the tap before it.
Trace run_trace(const Script& script, const WeightSource& weights, const Truths& truths,
                const Tamper& tamper = {}, const OnStop& on_stop = {});

/// Roundings of the residual stream before a tap, for its accumulated error.
int roundings_before(const std::string& tap, int layers);

}  // namespace assay::suites
