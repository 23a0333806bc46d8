// Text to token ids and back, through the SentencePiece library.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace assay {

class Tokenizer {
 public:
  /// Loads a SentencePiece model file; throws InputError that names it if it is not one.
  explicit Tokenizer(const std::filesystem::path& model_file);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Throws InputError unless vocabulary size and special tokens are those of the config.
  void check_matches(const ModelConfig& config) const;

  int vocab_size() const;
  /// Token ids of `text`, after the beginning-of-sequence token where `bos` is set and the model
  /// has one.
  std::vector<int> encode(std::string_view text, bool bos = true) const;
  /// The text of all ids at once; control tokens give nothing. Throws InputError for an id outside
  /// the vocabulary.
  std::string decode(const std::vector<int>& ids) const;

 private:
  friend class StreamDecoder;
  std::filesystem::path file_;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

/// The tokenizer.model of a checkpoint folder, checked against its config; null where the folder
/// has none (prompts must then be token ids).
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder,
                                          const ModelConfig& config);

/// Decodes a continuation token by token. Bytes of a character that is spread over several byte
/// tokens are held back until it is complete; bytes that cannot be UTF-8 become U+FFFD, as
/// SentencePiece's own decoder has it. Concatenated, everything returned is the text of the ids.
class StreamDecoder {
 public:
  /// `at_start`: the first token begins the text, so the space that SentencePiece puts in front of
  /// a text is dropped. Unset for text that continues a prompt.
  StreamDecoder(const Tokenizer& tokenizer, bool at_start)
      : tokenizer_(&tokenizer), at_start_(at_start) {}

  /// The text that is complete once `id` is known; may be empty.
  std::string push(int id);
  /// What is still held back, at the end of the stream.
  std::string finish();

 private:
  std::string take_complete_characters(bool at_end);

  const Tokenizer* tokenizer_;
  bool at_start_;
  std::string pending_;  // bytes of byte tokens, not yet a whole character
};

}  // namespace assay
