// What checking a model takes: engine tensors on the host, the reference's answers as truths,
// prompts.
#pragma once

#include <string>
#include <vector>

#include "engine/llama.h"
#include "suites/check.h"
#include "suites/model_oracle.h"

namespace assay::suites {

/// `count` elements of `dtype` at `device`, copied after the stream's work.
HostTensor download(const void* device, DType dtype, std::vector<std::int64_t> shape,
                    const Stream& stream);

/// The three-way comparison of one tensor. `roundings`: of the residual stream before it.
Verdict judge(const std::string& name, const HostTensor& found, const Answer& answer,
              int longest_sum, int roundings);

/// How often the residual stream is rounded before the output of layer `layer` (its index): the
/// embedding, and each half of each layer.
constexpr int stream_roundings(int layer) { return 2 * layer + 3; }

/// Answers one below the other along the leading axis: a packed batch of single sequences.
Answer concatenate(const std::vector<Answer>& parts);

/// Ragged prompts of random tokens, a single token and a longest among them, that fit `context`.
std::vector<std::vector<int>> ragged_prompts(int vocab, int context, std::uint64_t seed);

}  // namespace assay::suites
