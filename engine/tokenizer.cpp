#include "engine/tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <system_error>

#include "engine/files.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kSpace = "\xE2\x96\x81";        // U+2581, SentencePiece's space

bool is_trail(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

/// Length of the character that begins at text[0]: 0 if more bytes are needed to tell, -1 if no
/// character begins with these bytes (RFC 3629: no overlong forms, no surrogates).
int utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const int length = byte(0) >= 0xF5   ? -1
                     : byte(0) >= 0xF0 ? 4
                     : byte(0) >= 0xE0 ? 3
                     : byte(0) >= 0xC2 ? 2
                                       : -1;
  if (length < 0) return -1;
  const std::size_t known = std::min(text.size(), static_cast<std::size_t>(length));
  for (std::size_t i = 1; i < known; ++i) {
    if (!is_trail(byte(i))) return -1;
  }
  if (known >= 2) {
    if ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) >= 0xA0) ||
        (byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) >= 0x90)) {
      return -1;
    }
  }
  return known < static_cast<std::size_t>(length) ? 0 : length;
}

}  // namespace

Tokenizer::Tokenizer(const std::filesystem::path& model_file)
    : file_(model_file), processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  const auto status = processor_->LoadFromSerializedProto(read_text_file(model_file));
  if (!status.ok() || processor_->GetPieceSize() == 0) {
    throw InputError(fmt::format("{}: expected a SentencePiece model, found something else: {}",
                                 model_file.string(), status.ToString()));
  }
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

int Tokenizer::vocab_size() const { return processor_->GetPieceSize(); }

void Tokenizer::check_matches(const ModelConfig& config) const {
  if (vocab_size() != config.vocab_size) {
    throw InputError(
        fmt::format("{}: expected a vocabulary of {} pieces, as config.json's "
                    "vocab_size says, found {}",
                    file_.string(), config.vocab_size, vocab_size()));
  }
  if (config.bos_token_id >= 0 && processor_->bos_id() >= 0 &&
      config.bos_token_id != processor_->bos_id()) {
    throw InputError(
        fmt::format("{}: expected the beginning-of-sequence token to be {}, as "
                    "config.json's bos_token_id says, found {}",
                    file_.string(), config.bos_token_id, processor_->bos_id()));
  }
}

std::vector<int> Tokenizer::encode(std::string_view text, bool bos) const {
  std::vector<int> ids;
  const auto status = processor_->Encode(absl::string_view(text.data(), text.size()), &ids);
  if (!status.ok()) throw InputError(fmt::format("{}: {}", file_.string(), status.ToString()));
  if (bos && processor_->bos_id() >= 0) ids.insert(ids.begin(), processor_->bos_id());
  return ids;
}

std::string Tokenizer::decode(const std::vector<int>& ids) const {
  StreamDecoder decoder(*this, /*at_start=*/true);
  std::string text;
  for (const int id : ids) text += decoder.push(id);
  return text + decoder.finish();
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder,
                                          const ModelConfig& config) {
  const std::filesystem::path file = folder / "tokenizer.model";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return nullptr;
  auto tokenizer = std::make_unique<Tokenizer>(file);
  tokenizer->check_matches(config);
  return tokenizer;
}

std::string StreamDecoder::push(int id) {
  const sentencepiece::SentencePieceProcessor& processor = *tokenizer_->processor_;
  if (id < 0 || id >= processor.GetPieceSize()) {
    throw InputError(fmt::format("{}: expected token ids from 0 to {}, found {}",
                                 tokenizer_->file_.string(), processor.GetPieceSize() - 1, id));
  }
  if (processor.IsControl(id)) return "";
  const std::string& piece = processor.IdToPiece(id);
  if (processor.IsByte(id)) {  // "<0x0A>"
    at_start_ = false;
    pending_ += static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16));
    return take_complete_characters(/*at_end=*/false);
  }
  std::string text = take_complete_characters(/*at_end=*/true);
  if (processor.IsUnknown(id)) {
    at_start_ = false;
    return text + " \xE2\x81\x87 ";  // " ⁇ ", as SentencePiece shows the unknown piece
  }
  std::size_t from = 0;
  if (at_start_ && piece.compare(0, kSpace.size(), kSpace) == 0) from = kSpace.size();
  at_start_ = false;
  while (from < piece.size()) {
    if (piece.compare(from, kSpace.size(), kSpace) == 0) {
      text += ' ';
      from += kSpace.size();
    } else {
      text += piece[from++];
    }
  }
  return text;
}

std::string StreamDecoder::finish() { return take_complete_characters(/*at_end=*/true); }

std::string StreamDecoder::take_complete_characters(bool at_end) {
  std::string text;
  std::size_t from = 0;
  while (from < pending_.size()) {
    const std::string_view rest = std::string_view(pending_).substr(from);
    const int length = utf8_length(rest);
    if (length == 0 && !at_end) break;
    if (length > 0) {
      text += rest.substr(0, static_cast<std::size_t>(length));
      from += static_cast<std::size_t>(length);
    } else {
      text += kReplacement;
      from += 1;
    }
  }
  pending_.erase(0, from);
  return text;
}

}  // namespace assay
