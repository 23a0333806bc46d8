// suites/golden/golden.json: what Hugging Face Transformers answered, for tests to hold us against.
// Torch-free to include.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay::reference {

/// Greedy generation in float32. Per step: the likeliest tokens with their logits, best first, and
/// the log of the sum of all exponentials, so that log-probabilities follow. The shipped
/// checkpoint's steps end before its tokens do.
struct GoldenContinuation {
  std::string text;  // of the prompt; empty for a random checkpoint
  std::vector<std::int64_t> prompt;
  std::vector<std::int64_t> greedy;
  std::vector<double> first_logits;  // (V) of the first step
  std::vector<std::vector<std::int64_t>> top_ids;
  std::vector<std::vector<double>> top_logits;
  std::vector<double> logsumexp;
};

/// Log-probability of ids[1], ids[2], ... given all before.
struct GoldenScored {
  std::string text;
  std::vector<std::int64_t> ids;
  std::vector<double> log_probs;
};

struct GoldenCase {
  std::string name;         // "shipped", or the feature that a random checkpoint covers
  std::string config_json;  // for write_hashed_checkpoint; empty for "shipped"
  std::string checksum;     // of the weights, as weights_checksum() gives it
  std::vector<GoldenContinuation> continuations;
  GoldenScored scored;
};

/// All cases of the file, the shipped checkpoint first. Throws InputError.
std::vector<GoldenCase> read_golden(const std::filesystem::path& path);

/// Sum over all elements, tensors in order of name, of bf16 bits times (place + 1), mod 2^64, in
/// hex.
std::string weights_checksum(const std::filesystem::path& safetensors);

}  // namespace assay::reference
