// Layers: each block fed the reference's input (local error), and every tap of a whole forward pass
// fed the engine's own (accumulated error). A ragged batch in one prefill.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "suites/levels.h"
#include "suites/model_checks.h"
#include "suites/model_test.h"

namespace assay::suites {
namespace {

struct Tapped {
  std::string name;
  HostTensor value;
};

// The part of the engine's scores (B, H, T_max, S) that belongs to sequence b: (H, q_len, q_len).
HostTensor scores_of(const HostTensor& scores, std::size_t b, std::int64_t q_len) {
  const std::int64_t heads = scores.shape[1];
  const std::int64_t t_max = scores.shape[2];
  const std::int64_t s = scores.shape[3];
  HostTensor part(scores.dtype, {heads, q_len, q_len});
  std::size_t out = 0;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t t = 0; t < q_len; ++t) {
      const std::int64_t row = ((static_cast<std::int64_t>(b) * heads + h) * t_max + t) * s;
      for (std::int64_t i = 0; i < q_len; ++i) {
        part.set(out++, scores.get(static_cast<std::size_t>(row + i)));
      }
    }
  }
  return part;
}

std::vector<Tapped> run_with_taps(Llama& llama, const std::vector<std::vector<int>>& prompts) {
  std::vector<Tapped> taps;
  llama.set_observer([&](const Tap& tap) {
    taps.push_back({tap.name, download(tap.data, tap.dtype, {tap.shape.begin(), tap.shape.end()},
                                       llama.stream())});
  });
  const Step step = llama.begin_step({prompts, std::vector<int>(prompts.size(), 0)});
  llama.forward(step, LogitRows::kAll);
  llama.set_observer(nullptr);
  return taps;
}

// "layer.3.attention.scores" -> 3; after the last layer for what is not in one, but the embedding.
int layer_of(const std::string& tap, int layers) {
  if (tap == "embedding") return -1;
  return tap.starts_with("layer.") ? std::stoi(tap.substr(6)) : layers - 1;
}

void check_accumulated(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const auto prompts = ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
  RunOptions run = context.run_options(static_cast<int>(prompts.size()));
  run.all_logits = true;
  run.share_arena = false;  // taps read intermediates that a shared arena would have reused
  Llama llama(Checkpoint(context.model->folder), run);
  const std::vector<Tapped> taps = run_with_taps(llama, prompts);

  std::vector<std::map<std::string, Answer>> answers;  // by sequence
  std::size_t expected = 0;
  for (const auto& prompt : prompts) {
    const auto of_sequence = oracle.taps(prompt);
    expected = of_sequence.size();
    answers.emplace_back(of_sequence.begin(), of_sequence.end());
  }
  context.record("layer", "accumulated", "taps",
                 taps.size() == expected ? ""
                                         : fmt::format("the engine has {} taps, the reference {}",
                                                       taps.size(), expected));
  for (const Tapped& tap : taps) {
    if (answers[0].count(tap.name) == 0) {
      context.record("layer", "accumulated", tap.name, "the reference has no such tap");
      continue;
    }
    const int roundings = stream_roundings(layer_of(tap.name, oracle.layers()));
    const bool scores = tap.name.ends_with("attention.scores");
    if (!scores) {
      std::vector<Answer> parts;
      for (auto& of_sequence : answers) parts.push_back(of_sequence.at(tap.name));
      context.record(
          "layer", "accumulated", tap.name,
          judge(tap.name, tap.value, concatenate(parts), oracle.longest_sum(), roundings));
      continue;
    }
    for (std::size_t b = 0; b < prompts.size(); ++b) {
      const auto q_len = static_cast<std::int64_t>(prompts[b].size());
      context.record("layer", "accumulated", fmt::format("{}[{}]", tap.name, b),
                     judge(tap.name, scores_of(tap.value, b, q_len), answers[b].at(tap.name),
                           oracle.longest_sum(), roundings));
    }
  }
}

// Rows [first, first + rows) of x (T, C).
HostTensor rows_of(const HostTensor& x, std::size_t first, std::size_t rows) {
  const auto width = static_cast<std::size_t>(x.shape[1]);
  HostTensor part(x.dtype, {static_cast<std::int64_t>(rows), x.shape[1]});
  const std::size_t row_bytes = width * size_of(x.dtype);
  std::copy_n(x.bytes.begin() + static_cast<std::ptrdiff_t>(first * row_bytes), rows * row_bytes,
              part.bytes.begin());
  return part;
}

// What the reference has in its residual stream before `block` of `layer`, rounded to the dtype.
HostTensor reference_input(const std::vector<std::map<std::string, Answer>>& taps, Block block,
                           int layer, DType dtype) {
  const std::string name = block == Block::kFeedForward
                               ? fmt::format("layer.{}.attention.residual", layer)
                           : layer == 0 ? "embedding"
                                        : fmt::format("layer.{}.feed_forward.residual", layer - 1);
  std::vector<Answer> parts;
  for (const auto& of_sequence : taps) parts.push_back(of_sequence.at(name));
  const Answer whole = concatenate(parts);
  HostTensor x(dtype, whole.shape);
  for (std::size_t i = 0; i < whole.exact.size(); ++i) x.set(i, whole.exact[i]);
  return x;
}

void check_local(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const auto prompts = ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
  Llama llama(Checkpoint(context.model->folder),
              context.run_options(static_cast<int>(prompts.size())));
  std::vector<std::map<std::string, Answer>> taps;
  for (const auto& prompt : prompts) {
    const auto of_sequence = oracle.taps(prompt);
    taps.emplace_back(of_sequence.begin(), of_sequence.end());
  }

  for (int layer = 0; layer < oracle.layers(); ++layer) {
    for (const Block block : {Block::kAttention, Block::kFeedForward, Block::kDecoderLayer}) {
      const HostTensor x = reference_input(taps, block, layer, context.dtype);
      const Step step = llama.begin_step({prompts, std::vector<int>(prompts.size(), 0)});
      llama.embed(step);  // positions, mask and offsets too; its x is replaced
      copy_to_device(llama.x(), x.bytes.data(), x.bytes.size(), llama.stream());
      if (block == Block::kAttention) llama.attention_block(layer, step);
      if (block == Block::kFeedForward) llama.feed_forward_block(layer, step);
      if (block == Block::kDecoderLayer) llama.decoder_layer(layer, step);
      const HostTensor found = download(llama.x(), context.dtype, x.shape, llama.stream());

      std::vector<Answer> parts;
      std::size_t first = 0;
      for (const auto& prompt : prompts) {
        parts.push_back(oracle.block(block, layer, rows_of(x, first, prompt.size())));
        first += prompt.size();
      }
      context.record("layer", name_of(block), fmt::format("layer.{}.{}", layer, name_of(block)),
                     judge(name_of(block), found, concatenate(parts), oracle.longest_sum(), 1));
    }
  }
}

}  // namespace

void register_layer_tests(const Options& options, Report& report) {
  const std::vector<DType> dtypes = {DType::kF32, DType::kF16, DType::kBF16};
  register_model_tests("layer", "local", options, report, dtypes, {"best", "baseline"},
                       check_local);
  register_model_tests("layer", "accumulated", options, report, dtypes, {"best", "baseline"},
                       check_accumulated);
}

}  // namespace assay::suites
