// Weights that are no numbers: no result may come of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/generate.h"
#include "engine/perplexity.h"
#include "engine/random_weights.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/tiny_model.h"

namespace assay {
namespace {

using testing::tiny_config;

RunOptions options_for(int batch) {
  RunOptions options;
  options.max_batch = batch;
  return options;
}

/// Random weights with NaN in `count` elements of one tensor, from `first` on.
class SpoiltWeights final : public WeightSource {
 public:
  SpoiltWeights(std::string name, std::int64_t first, std::int64_t count)
      : name_(std::move(name)), first_(first), end_(first + count), random_(tiny_config(), 11) {}
  const ModelConfig& config() const override { return random_.config(); }
  void read(const std::string& name, std::int64_t first, std::int64_t count, DType dtype,
            void* out) const override {
    random_.read(name, first, count, dtype, out);
    if (name != name_) return;
    for (std::int64_t i = std::max(first, first_); i < std::min(first + count, end_); ++i) {
      static_cast<float*>(out)[i - first] = std::nanf("");
    }
  }

 private:
  std::string name_;
  std::int64_t first_;
  std::int64_t end_;
  RandomWeights random_;
};

template <class Run>
void expect_error(Run run, std::initializer_list<std::string> parts) {
  try {
    run();
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    testing::expect_parts(error.what(), parts);
  }
}

TEST(NotFinite, LogitsThatAreNoNumbersAreErrors) {
  std::vector<Request> requests(2);
  for (Request& request : requests) {
    request.max_tokens = 4;
    request.ignore_eos = true;
  }
  requests[0].id = "a";
  requests[0].prompt_ids = {1, 7, 33};
  requests[1].id = "b";
  requests[1].prompt_ids = {9};
  Llama clean(RandomWeights(tiny_config(), 11), options_for(2));
  const std::vector<Result> results = generate(clean, nullptr, requests);
  for (const float temperature : {0.0F, 1.0F}) {
    for (Request& request : requests) request.sampling.temperature = temperature;
    Llama spoilt(SpoiltWeights("model.norm.weight", 3, 1), options_for(2));
    expect_error([&] { generate(spoilt, nullptr, requests); },
                 {"prompt a", "new token 1", "nan", "weights"});
  }
  // The row of a token that is no part of the prompt and is generated: the next step shows it.
  for (Request& request : requests) request.sampling.temperature = 0;
  const int first = results[1].token_ids[0];
  ASSERT_NE(first, 9);
  const int width = tiny_config().hidden_size;
  const SpoiltWeights row("model.embed_tokens.weight", std::int64_t{first} * width, width);
  Llama later(row, options_for(1));
  expect_error([&] { generate(later, nullptr, {requests[1]}); },
               {"prompt b", "new token 2", "nan"});
}

TEST(NotFinite, ScoresThatAreNoNumbersAreErrors) {
  RunOptions options = options_for(1);
  options.all_logits = true;
  const int width = tiny_config().hidden_size;
  const SpoiltWeights row("model.embed_tokens.weight", std::int64_t{7} * width, width);
  Llama model(row, options);
  std::vector<int> ids(20, 3);
  EXPECT_NO_THROW(perplexity(model, ids, {8, 4}));
  ids[10] = 7;
  expect_error(
      [&] {
        perplexity(model, ids, {8, 4});
      },
      {"of the text, in the window of tokens 4 to 11", "nan", "weights"});
}

}  // namespace
}  // namespace assay
