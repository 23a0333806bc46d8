// Layers: each block and each tap fed the reference's input (local error), and every tap of a whole
// forward pass fed the engine's own (accumulated error). A ragged batch in one prefill.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "suites/levels.h"
#include "suites/model_checks.h"
#include "suites/model_test.h"

namespace assay::suites {
namespace {

using Prompts = std::vector<std::vector<int>>;

Prompts prompts_for(const ModelTestContext& context, const ModelOracle& oracle) {
  return ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed);
}

Script one_prefill(const ModelTestContext& context, const Prompts& prompts) {
  Script script;
  script.dtype = context.dtype;
  script.kernels = context.kernel_set;
  script.max_batch = static_cast<int>(prompts.size());
  script.steps.push_back({prompts, std::vector<int>(prompts.size(), 0)});
  return script;
}

// The output of the last tap before `tap` that has its size: what stands there when an op is left
// out.
const std::vector<double>* input_of(const Trace& trace, std::size_t tap, Answer TapTrace::*which) {
  for (std::size_t i = tap; i-- > 0;) {
    const std::vector<double>& values = (trace.taps[i].*which).exact;
    if (values.size() == (trace.taps[tap].*which).exact.size()) return &values;
  }
  return nullptr;
}

// Every tap of a ragged prefill: accumulated error, and local error with the reference's input.
void check_accumulated(const ModelTestContext& context) {
  const ModelOracle oracle(context.model->folder, context.dtype);
  const Script script = one_prefill(context, prompts_for(context, oracle));
  const Truths truths = ask(oracle, script);
  const Trace trace = run_trace(script, Checkpoint(context.model->folder), truths);
  context.record("layer", "accumulated", "taps", trace.problem);
  for (std::size_t i = 0; i < trace.taps.size(); ++i) {
    const TapTrace& tap = trace.taps[i];
    SpoilSubject subject{tap.name,
                         context.dtype,
                         tap.width,
                         truths.longest_sum,
                         roundings_before(tap.name, truths.layers),
                         input_of(trace, i, &TapTrace::answer)};
    context.record("layer", "accumulated", tap.name, tap.accumulated, spoil(subject, tap.answer));
    subject.roundings = 1;
    subject.input = input_of(trace, i, &TapTrace::local_answer);
    context.record("layer", "local_tap", tap.name, tap.local, spoil(subject, tap.local_answer));
  }
  if (trace.first() != nullptr || !trace.problem.empty()) context.explain(script, truths, trace);
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
  const Prompts prompts = prompts_for(context, oracle);
  Llama llama(Checkpoint(context.model->folder),
              context.run_options(static_cast<int>(prompts.size())));
  std::vector<std::map<std::string, Answer>> taps;
  for (const auto& prompt : prompts) {
    auto& of_sequence = taps.emplace_back();
    for (TapTruth& tap : oracle.taps(prompt)) of_sequence[tap.name] = std::move(tap.accumulated);
  }
  bool right = true;

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
      const Answer answer = concatenate(parts);
      const std::vector<double> input = x.values();
      const SpoilSubject subject{name_of(block), context.dtype, x.shape[1], oracle.longest_sum(), 1,
                                 &input};
      right &= context.record(
          "layer", name_of(block), fmt::format("layer.{}.{}", layer, name_of(block)),
          judge(name_of(block), found, answer, oracle.longest_sum(), 1), spoil(subject, answer));
    }
  }
  if (!right) context.explain(one_prefill(context, prompts), oracle);
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
