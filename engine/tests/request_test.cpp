#include "engine/request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"
#include "engine/tests/tiny_model.h"
#include "engine/tests/tiny_tokenizer.h"

namespace assay {
namespace {

class RequestTest : public ::testing::Test {
 protected:
  std::vector<Request> read(const std::string& lines, const Tokenizer* tokenizer = nullptr) {
    testing::write_file(folder_ / "prompts.jsonl", lines);
    return read_requests(folder_ / "prompts.jsonl", defaults_, tokenizer, config_, 8);
  }
  testing::TemporaryFolder folder_;
  ModelConfig config_ = testing::tiny_config();
  Request defaults_;
};

TEST_F(RequestTest, ReadsEveryKey) {
  defaults_.max_tokens = 77;
  const std::vector<Request> requests = read(
      "{\"prompt_ids\": [1, 5]}\n"
      "\n"
      "{\"prompt_ids\": [7], \"id\": \"x\", \"max_tokens\": 3, \"temperature\": 0.5, \"top_k\": 4,"
      " \"top_p\": 0.9, \"min_p\": 0.1, \"repetition_penalty\": 1.5, \"seed\": "
      "12345678901234567890,"
      " \"top_logprobs\": 2, \"ignore_eos\": true}");
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].id, "1");
  EXPECT_EQ(requests[0].prompt_ids, (std::vector<int>{1, 5}));
  EXPECT_EQ(requests[0].max_tokens, 77);
  EXPECT_EQ(requests[0].sampling.temperature, 0.0F);
  const Request& r = requests[1];
  EXPECT_EQ(r.id, "x");
  EXPECT_EQ(r.max_tokens, 3);
  EXPECT_EQ(r.sampling.temperature, 0.5F);
  EXPECT_EQ(r.sampling.top_k, 4);
  EXPECT_EQ(r.sampling.top_p, 0.9F);
  EXPECT_EQ(r.sampling.min_p, 0.1F);
  EXPECT_EQ(r.sampling.repetition_penalty, 1.5F);
  EXPECT_EQ(r.sampling.seed, 12345678901234567890ULL);
  EXPECT_EQ(r.top_logprobs, 2);
  EXPECT_TRUE(r.ignore_eos);
}

TEST_F(RequestTest, TextPromptsAreTokenized) {
  testing::train_tokenizer(folder_.path(), 320);
  const Tokenizer tokenizer(folder_ / "tokenizer.model");
  config_.vocab_size = 320;
  const std::vector<Request> requests = read("{\"prompt\": \"the fox\"}", &tokenizer);
  EXPECT_EQ(requests.at(0).prompt_ids, tokenizer.encode("the fox"));
}

TEST_F(RequestTest, BadLinesNameFileAndLine) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"{", "does not parse"},
      {"[1]", "JSON object"},
      {"{\"id\": " + std::string(300000, '[') + std::string(300000, ']') + "}", "64 deep"},
      {"{}", "neither"},
      {R"({"prompt": "a", "prompt_ids": [1]})", "both"},
      {R"({"prompt": "a"})", "tokenizer.model"},
      {R"({"prompt": 1})", "'prompt'"},
      {R"({"prompt_ids": []})", "without tokens"},
      {R"({"prompt_ids": 3})", "'prompt_ids'"},
      {R"({"prompt_ids": [1.5]})", "1.5"},
      {R"({"prompt_ids": [48]})", "found 48"},
      {R"({"prompt_ids": [-1]})", "found -1"},
      {R"({"prompt_ids": [1,1,1,1,1,1,1,1,1]})", "at most 8 tokens, the context, found 9"},
      {R"({"prompt_ids": [1], "temprature": 1})", "unknown key 'temprature'"},
      {R"({"prompt_ids": [1], "temperature": -1})", "temperature"},
      {R"({"prompt_ids": [1], "temperature": "hot"})", "temperature"},
      {R"({"prompt_ids": [1], "temperature": 1e-39})", "temperature"},
      {R"({"prompt_ids": [1], "repetition_penalty": 1e-39})", "repetition_penalty"},
      {R"({"prompt_ids": [1], "top_p": 0})", "top_p"},
      {R"({"prompt_ids": [1], "top_k": -1})", "top_k"},
      {R"({"prompt_ids": [1], "min_p": 2})", "min_p"},
      {R"({"prompt_ids": [1], "repetition_penalty": 0})", "repetition_penalty"},
      {R"({"prompt_ids": [1], "max_tokens": 0})", "max_tokens"},
      {R"({"prompt_ids": [1], "seed": -1})", "seed"},
      {R"({"prompt_ids": [1], "top_logprobs": 49})", "top_logprobs"},
      {R"({"prompt_ids": [1], "ignore_eos": 1})", "ignore_eos"},
  };
  for (const auto& [line, part] : bad) {
    EXPECT_INPUT_ERROR(read("{\"prompt_ids\": [1]}\n" + line), "prompts.jsonl:2", part);
  }
}

TEST_F(RequestTest, EmptyPromptFile) {
  EXPECT_INPUT_ERROR(read(""), "prompts.jsonl", "found no line");
  EXPECT_INPUT_ERROR(read("\n  \n"), "prompts.jsonl", "found no line");
}

TEST_F(RequestTest, ResultsAreOneLineOfJson) {
  Result result;
  result.id = "a";
  result.prompt_tokens = 4;
  result.token_ids = {3, 2};
  result.text = "two\nlines";
  result.finish_reason = FinishReason::kStop;
  const std::string plain = to_json_line(result);
  EXPECT_EQ(plain.find('\n'), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(plain),
            nlohmann::json::parse(R"({"id": "a", "prompt_tokens": 4, "text": "two\nlines",
                                      "token_ids": [3, 2], "finish_reason": "stop"})"));
  result.token_logprobs = {-0.5F, -0.25F};
  result.top_logprobs = {{{3, -0.5F}}, {{2, -0.25F}}};
  const nlohmann::json full = nlohmann::json::parse(to_json_line(result));
  EXPECT_EQ(full["token_logprobs"], (nlohmann::json{-0.5, -0.25}));
  EXPECT_EQ(full["top_logprobs"][1][0], (nlohmann::json{{"id", 2}, {"logprob", -0.25}}));
}

}  // namespace
}  // namespace assay
