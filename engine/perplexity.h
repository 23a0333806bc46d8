// How well a model predicts a text: exp of the mean negative log-likelihood of its tokens.
#pragma once

#include <functional>
#include <vector>

#include "engine/llama.h"

namespace assay {

struct PerplexityOptions {
  int context = 0;  // tokens of one window
  int stride = 0;   // tokens from one window to the next, at most context
};

struct PerplexityResult {
  long long scored_tokens = 0;
  double mean_nll = 0;  // natural logarithm
  double perplexity = 0;
};

/// Throws InputError unless the context is 2 to `limit` tokens and the stride below it.
void check_options(const PerplexityOptions& options, int limit);

/// Log-probability of each token of `ids` but the first, given those before it: ids.size() - 1
/// values, starting with that of ids[1]. `ids` must fit the model, made with all_logits.
std::vector<double> score(Llama& model, const std::vector<int>& ids);

/// Slides a window over `ids`; each window scores the tokens that no earlier one did, so every
/// token but the first counts once, with at least context - stride tokens before it where the text
/// has them (Transformers' "Perplexity of fixed-length models"). Throws InputError for options
/// outside the model's limits and for a text of fewer than two tokens, Error for a token whose
/// log-probability is not finite.
PerplexityResult perplexity(Llama& model, const std::vector<int>& ids,
                            const PerplexityOptions& options,
                            const std::function<void(double fraction)>& on_progress = {});

}  // namespace assay
