// The model that the rows of a sweep run: its engine, what the reference says, and the check of a
// step before it is timed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/llama.h"
#include "suites/check.h"
#include "suites/model_oracle.h"
#include "suites/work_point.h"

namespace assay::suites {

/// One row of the sweep: a point, at a dtype, with a kernel set.
struct ModelShape {
  DType dtype;
  std::string kernel_set;
  bool decode;
  int batch;
  int q_len;   // 1 for decode
  int kv_len;  // q_len for prefill
};

/// A random model of a preset's shape at one dtype. It has one engine at a time, as two of 7B and
/// their caches are more than a GPU may hold; kernel sets share it.
class ModelStore {
 public:
  /// For rows at these points. Throws InputError where there is no such preset.
  ModelStore(const std::string& model, DType dtype, const std::vector<WorkPoint>& points,
             std::uint64_t seed);

  /// "" or why no engine here runs this point: the model's context, this device's memory.
  std::string why_not(const WorkPoint& point) const;
  /// What the engine for this point is made for: one for all points of a phase, where it fits.
  RunOptions options(const WorkPoint& point) const;
  /// The engine for the shape, with its kernel set; made anew where the last one's options differ.
  Llama& engine(const ModelShape& shape);

  /// A prompt of `length` tokens; shorter ones are the beginnings of longer ones.
  std::vector<int> prompt(int length) const;
  /// Runs the shape and compares its logits: those of every sequence, as all have the same prompt.
  /// Done once for each shape and engine.
  const Verdict& check(const ModelShape& shape);
  /// What a decode step finds: the cache of every sequence, but for the last token of the prompt.
  void fill_cache(const ModelShape& shape);
  /// Whether these are the logits (B, V) after the shape's prompts.
  Verdict judge_logits(const std::vector<float>& logits, const ModelShape& shape);

  const ModelConfig& config() const { return config_; }

 private:
  /// The reference's logits (1, V) after prompt(length).
  const Answer& answer(int length);
  Verdict run_and_judge(const ModelShape& shape);

  ModelConfig config_;
  std::uint64_t seed_;
  std::map<Phase, WorkPoint> largest_;  // of the points that can be run
  std::set<int> lengths_;
  std::unique_ptr<Llama> engine_;
  std::tuple<int, int, int> key_;  // batch, sequence and chunk that it is for
  std::map<int, Answer> answers_;
  std::map<std::tuple<std::string, Phase, int, int>, Verdict> verdicts_;  // of this engine
};

}  // namespace assay::suites
