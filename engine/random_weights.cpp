#include "engine/random_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/convert.h"
#include "engine/files.h"
#include "kernels/device/error.h"

namespace assay {
namespace {

constexpr float kStandardDeviation = 0.02F;

/// SplitMix64's output function (Steele, Lea and Flood, 2014): a bijection that mixes all bits.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// FNV-1a: the same on every platform, unlike std::hash.
std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

/// Mean 0, variance 1: four 16-bit uniforms, each of variance (2^32 - 1) / 12.
float approximate_normal(std::uint64_t bits) {
  const auto sum = static_cast<std::int32_t>((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) +
                                             ((bits >> 32) & 0xFFFF) + (bits >> 48));
  constexpr float kMean = 4 * 32767.5F;
  constexpr float kScale = 1.0F / 37837.23F;  // sqrt(4 * (2^32 - 1) / 12)
  return (static_cast<float>(sum) - kMean) * kScale;
}

/// What a run has made on disk: removed again, unless the run comes to its end.
class Made {
 public:
  Made() = default;
  ~Made() {
    std::error_code ignored;
    // A folder that holds anything else by now stays.
    for (; !paths_.empty(); paths_.pop_back()) std::filesystem::remove(paths_.back(), ignored);
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  /// Before a path is made: notes it unless something is there.
  void note(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) paths_.push_back(path);
  }
  /// The same of a folder, with those above it.
  void note_folder(const std::filesystem::path& folder) {
    if (folder.has_parent_path() && folder.parent_path() != folder) {
      note_folder(folder.parent_path());
    }
    note(folder);
  }
  void keep() { paths_.clear(); }

 private:
  std::vector<std::filesystem::path> paths_;
};

}  // namespace

RandomWeights::RandomWeights(ModelConfig config, std::uint64_t seed)
    : config_(std::move(config)), seed_(seed) {}

void RandomWeights::read(const std::string& name, std::int64_t first, std::int64_t count,
                         DType dtype, void* out) const {
  const std::uint64_t key = mix(seed_ + 0x9E3779B97F4A7C15ULL) ^ hash_name(name);
  const float center = name.ends_with("norm.weight") ? 1.0F : 0.0F;
  std::array<float, 1024> block;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t n = std::min<std::int64_t>(count - done, block.size());
    for (std::int64_t i = 0; i < n; ++i) {
      const auto counter = static_cast<std::uint64_t>(first + done + i);
      const std::uint64_t bits = mix(key + (counter + 1) * 0x9E3779B97F4A7C15ULL);
      block[static_cast<std::size_t>(i)] = center + kStandardDeviation * approximate_normal(bits);
    }
    convert(dtype, static_cast<char*>(out) + static_cast<std::size_t>(done) * size_of(dtype),
            DType::kF32, block.data(), static_cast<std::size_t>(n));
    done += n;
  }
}

void write_checkpoint(const std::filesystem::path& folder, const WeightSource& weights,
                      std::uint64_t shard_bytes, const std::map<std::string, std::string>& others) {
  const ModelConfig& config = weights.config();
  Made made;
  made.note_folder(folder);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw InputError(fmt::format("{}: cannot be made a folder: {}", folder.string(),
                                 error ? error.message() : "a file is in the way"));
  }
  const auto refuse_if_there = [&](const std::string& name) {
    if (!std::filesystem::exists(folder / name)) return;
    throw InputError(
        fmt::format("{}: expected a folder without a checkpoint, found {}; "
                    "remove it or choose another folder",
                    folder.string(), name));
  };
  refuse_if_there("config.json");
  for (const auto& [name, text] : others) refuse_if_there(name);
  const auto write_text = [&](const std::string& name, const std::string& text) {
    made.note(folder / name);
    OutputFile out(folder / name);
    out.write(text);
    out.commit();
  };

  std::vector<std::vector<SafetensorsWrite>> shards(1);
  std::uint64_t used = 0;
  std::uint64_t total = 0;
  for (const WeightSpec& spec : expected_weights(config)) {
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(element_count(spec.shape)) * size_of(config.dtype);
    if (shard_bytes != 0 && used != 0 && used + bytes > shard_bytes) {
      shards.emplace_back();
      used = 0;
    }
    shards.back().push_back({spec.name, config.dtype, spec.shape});
    used += bytes;
    total += bytes;
  }

  nlohmann::json index = {{"metadata", {{"total_size", total}}}};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file =
        shards.size() == 1 ? "model.safetensors"
                           : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    for (const SafetensorsWrite& tensor : shards[i]) index["weight_map"][tensor.name] = file;
    made.note(folder / file);
    write_safetensors(folder / file, shards[i],
                      [&](std::size_t tensor, std::int64_t first, std::int64_t count, void* out) {
                        weights.read(shards[i][tensor].name, first, count, config.dtype, out);
                      });
  }
  if (shards.size() > 1) write_text("model.safetensors.index.json", index.dump(2) + "\n");
  // What is looked for above comes last: over what a killed run left, the next one can write.
  for (const auto& [name, text] : others) write_text(name, text);
  write_text("config.json", config_to_json(config));  // a folder without it is no checkpoint
  made.keep();
}

}  // namespace assay
