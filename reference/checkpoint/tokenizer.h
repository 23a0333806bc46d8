// SentencePiece, to train a tokenizer and to use one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace assay::reference {

/// Trains a Llama-like tokenizer (BPE, byte fallback, digits apart, bos 1, eos 2) of `vocab_size`
/// pieces on `lines` and writes it to `path`. Throws InputError.
void train_tokenizer(const std::vector<std::string>& lines, int vocab_size,
                     const std::filesystem::path& path);

class Tokenizer {
 public:
  explicit Tokenizer(const std::filesystem::path& path);
  ~Tokenizer();
  std::int64_t bos() const { return 1; }
  std::int64_t eos() const { return 2; }
  std::vector<std::int64_t> encode(const std::string& text) const;  // without bos
  std::string decode(const std::vector<std::int64_t>& ids) const;

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace assay::reference
