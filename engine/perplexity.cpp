#include "engine/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/generate.h"
#include "kernels/device/error.h"

namespace assay {

void check_options(const PerplexityOptions& options, int limit) {
  if (options.context < 2 || options.context > limit) {
    throw InputError(fmt::format("context: expected 2 to {} tokens, the model's, found {}", limit,
                                 options.context));
  }
  if (options.stride < 1 || options.stride >= options.context) {
    throw InputError(fmt::format("stride: expected 1 to {}, below the context, found {}",
                                 options.context - 1, options.stride));
  }
}

std::vector<double> score(Llama& model, const std::vector<int>& ids) {
  const int V = model.config().vocab_size;
  const auto chunk = static_cast<std::size_t>(activation_limits(model.options()).t_max);
  std::vector<double> logprobs;
  for (std::size_t first = 0; first + 1 < ids.size(); first += chunk) {
    const std::size_t end = std::min(first + chunk, ids.size() - 1);  // the last is only predicted
    StepInput input;
    input.ids.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(first),
                           ids.begin() + static_cast<std::ptrdiff_t>(end));
    input.past_lens = {static_cast<int>(first)};
    input.rope_length = static_cast<int>(ids.size()) - 1;
    const Step step = model.begin_step(input);
    model.forward(step, LogitRows::kAll);
    const std::vector<float> logits = model.copy_logits(step.tokens);
    for (std::size_t t = first; t < end; ++t) {
      const float* row = &logits[(t - first) * static_cast<std::size_t>(V)];
      logprobs.push_back(token_logprob(row, V, ids[t + 1]));
    }
  }
  return logprobs;
}

PerplexityResult perplexity(Llama& model, const std::vector<int>& ids,
                            const PerplexityOptions& options,
                            const std::function<void(double fraction)>& on_progress) {
  check_options(options, model.max_seq());
  const int context = options.context;
  const int stride = options.stride;
  if (ids.size() < 2) {
    throw InputError(fmt::format("expected a text of at least two tokens, found {}", ids.size()));
  }
  PerplexityResult result;
  double nll = 0;
  std::size_t scored_to = 1;  // tokens before this one have been scored; the first never is
  for (std::size_t first = 0; scored_to < ids.size(); first += static_cast<std::size_t>(stride)) {
    const std::size_t end = std::min(first + static_cast<std::size_t>(context), ids.size());
    const std::vector<double> logprobs =
        score(model, std::vector<int>(ids.begin() + static_cast<std::ptrdiff_t>(first),
                                      ids.begin() + static_cast<std::ptrdiff_t>(end)));
    for (std::size_t t = scored_to; t < end; ++t) {
      const double logprob = logprobs[t - first - 1];
      if (!std::isfinite(logprob)) {
        throw Error(fmt::format(
            "token {} of the text, in the window of tokens {} to {}: expected a finite "
            "log-probability, found {}: look for weights that are not finite, or try --dtype fp32",
            t, first, end - 1, logprob));
      }
      nll -= logprob;
    }
    result.scored_tokens += static_cast<long long>(end - scored_to);
    scored_to = end;
    if (on_progress) {
      on_progress(static_cast<double>(scored_to) / static_cast<double>(ids.size()));
    }
  }
  result.mean_nll = nll / static_cast<double>(result.scored_tokens);
  result.perplexity = std::exp(result.mean_nll);
  return result;
}

}  // namespace assay
