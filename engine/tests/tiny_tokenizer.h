// A SentencePiece model trained on the spot: BPE with byte fallback, as Llama 2's.
#pragma once

#include <sentencepiece_trainer.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace assay::testing {

/// Writes <folder>/tokenizer.model with exactly `pieces` pieces (300 or more).
inline void train_tokenizer(const std::filesystem::path& folder, int pieces) {
  std::filesystem::create_directories(folder);
  {
    std::ofstream corpus(folder / "corpus.txt");
    for (int i = 0; i < 40; ++i) {
      corpus << "Once upon a time a small fox found a red ball near the old river number " << i
             << ".\nThe fox was happy, and the river sang a song about " << i * 7 << " stars.\n";
    }
  }
  const std::string prefix = (folder / "tokenizer").string();
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      "--input=" + (folder / "corpus.txt").string() + " --model_prefix=" + prefix +
      " --vocab_size=" + std::to_string(pieces) +
      " --model_type=bpe --byte_fallback=true --character_coverage=1.0 --minloglevel=2");
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

}  // namespace assay::testing
