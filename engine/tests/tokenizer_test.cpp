#include "engine/tokenizer.h"

#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"
#include "engine/tests/tiny_model.h"
#include "engine/tests/tiny_tokenizer.h"

namespace assay {
namespace {

constexpr int kPieces = 320;

class TokenizerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::train_tokenizer(folder_->path(), kPieces);
  }
  static void TearDownTestSuite() { delete folder_; }
  static testing::TemporaryFolder* folder_;
  Tokenizer tokenizer_{*folder_ / "tokenizer.model"};
};
testing::TemporaryFolder* TokenizerTest::folder_ = nullptr;

const std::vector<std::string> kTexts = {
    "Once upon a time", "fox", " two  spaces", "naïve café – 日本語 🦊!",
    "line\nbreak\ttab", "",
};

TEST_F(TokenizerTest, EncodesAndDecodes) {
  for (const std::string& text : kTexts) {
    const std::vector<int> ids = tokenizer_.encode(text);
    EXPECT_EQ(ids.at(0), 1);
    EXPECT_EQ(std::vector<int>(ids.begin() + 1, ids.end()), tokenizer_.encode(text, false));
  }
  EXPECT_EQ(tokenizer_.decode(tokenizer_.encode("Once upon a 🦊")), "Once upon a 🦊");
}

TEST_F(TokenizerTest, StreamsWhatSentencePieceDecodes) {
  sentencepiece::SentencePieceProcessor reference;
  ASSERT_TRUE(reference.Load((*folder_ / "tokenizer.model").string()).ok());
  std::vector<std::vector<int>> streams;
  for (const std::string& text : kTexts) streams.push_back(tokenizer_.encode(text));
  // Bytes that are no UTF-8: a lone lead, a lone trail, an overlong form, a cut character.
  const auto byte = [&](int b) { return 3 + b; };  // after <unk>, <s>, </s>
  streams.push_back({byte(0xE6), byte(0x97), byte(0x41), byte(0x80)});
  streams.push_back({byte(0xC0), byte(0xAF), byte(0xF0), byte(0x9F), byte(0xA6)});
  streams.push_back({byte(0xE6), byte(0x97), reference.PieceToId("▁fox"), 0, byte(0xC3)});
  for (const std::vector<int>& ids : streams) {
    std::string expected;
    ASSERT_TRUE(reference.Decode(ids, &expected).ok());
    EXPECT_EQ(tokenizer_.decode(ids), expected);
  }
}

TEST_F(TokenizerTest, HoldsBackIncompleteCharacters) {
  StreamDecoder decoder(tokenizer_, /*at_start=*/false);
  const std::vector<int> fox{3 + 0xF0, 3 + 0x9F, 3 + 0xA6, 3 + 0x8A};
  EXPECT_EQ(decoder.push(fox[0]), "");
  EXPECT_EQ(decoder.push(fox[1]), "");
  EXPECT_EQ(decoder.push(fox[2]), "");
  EXPECT_EQ(decoder.push(fox[3]), "🦊");
  EXPECT_EQ(decoder.push(3 + 0xF0), "");
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
}

TEST_F(TokenizerTest, ContinuationKeepsItsSpace) {
  const std::vector<int> ids = tokenizer_.encode("river", false);
  StreamDecoder start(tokenizer_, /*at_start=*/true);
  StreamDecoder middle(tokenizer_, /*at_start=*/false);
  std::string at_start;
  std::string continued;
  for (const int id : ids) {
    at_start += start.push(id);
    continued += middle.push(id);
  }
  EXPECT_EQ(at_start, "river");
  EXPECT_EQ(continued, " river");
}

TEST_F(TokenizerTest, BadIdsAndFilesAreInputErrors) {
  EXPECT_INPUT_ERROR(tokenizer_.decode({kPieces}), "tokenizer.model", "319", "found 320");
  EXPECT_INPUT_ERROR(tokenizer_.decode({-1}), "found -1");
  const testing::TemporaryFolder folder;
  testing::write_file(folder / "tokenizer.model", "not a model");
  EXPECT_INPUT_ERROR(Tokenizer(folder / "tokenizer.model"), "tokenizer.model", "SentencePiece");
  EXPECT_INPUT_ERROR(Tokenizer(folder / "none"), "none", "cannot be read");
}

TEST_F(TokenizerTest, VocabularyMustMatchTheConfig) {
  ModelConfig config = testing::tiny_config();
  EXPECT_INPUT_ERROR(load_tokenizer(folder_->path(), config), "tokenizer.model", "48", "320");
  config.vocab_size = kPieces;
  EXPECT_NE(load_tokenizer(folder_->path(), config), nullptr);
  config.bos_token_id = 5;
  EXPECT_INPUT_ERROR(load_tokenizer(folder_->path(), config), "bos_token_id", "5", "found 1");
  const testing::TemporaryFolder empty;
  EXPECT_EQ(load_tokenizer(empty.path(), config), nullptr);
}

}  // namespace
}  // namespace assay
