// Work points: a batch and a sequence length in one phase of generation, and the problem that a
// forward pass there hands to each op.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/config.h"
#include "kernels/device/dtype.h"
#include "suites/case_family.h"

namespace assay::suites {

enum class Phase : std::uint8_t { kPrefill, kDecode };
/// "prefill", "decode".
const char* name_of(Phase phase);

/// Prefill: `batch` prompts of `seq` tokens each, nothing cached. Decode: one new token for each of
/// `batch` sequences, `seq` tokens cached when it is done, the new one among them.
struct WorkPoint {
  Phase phase = Phase::kDecode;
  int batch = 1;
  int seq = 1;

  int q_len() const { return phase == Phase::kPrefill ? seq : 1; }
  int past() const { return seq - q_len(); }
};

/// One op's problem, as a family makes a case of it.
struct Problem {
  std::string op;
  std::optional<DType> dtype;  // of ops whose dtype is not the model's
  std::vector<std::pair<std::string, long long>> dimensions;
};

/// What a step of the engine there launches, sampling included, in its order: each problem once,
/// though layers repeat it. The cache has room for `seq` tokens, rounded up as the engine does; ops
/// that read the cache see every slot of it in use. Then what a model with quantized weights asks
/// of the quantized ops, which the engine does not launch yet.
std::vector<Problem> problems_at(const ModelConfig& config, const WorkPoint& point);

/// Why problems_at has none for `op`, or "" where it has.
std::string why_absent(const std::string& op, const ModelConfig& config);

/// The values of the problem's dimensions in the family's order. Throws Error where one is missing,
/// unknown, or past the range of an int.
DimensionValues values_of(const Problem& problem, const CaseFamily& family);

/// Tokens of the model's inputs: how far a point may go. "" or why the model cannot run it.
std::string beyond(const ModelConfig& config, const WorkPoint& point);

}  // namespace assay::suites
