#include "reference/golden.h"

#include <ATen/ATen.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "kernels/device/error.h"
#include "reference/files.h"
#include "reference/safetensors.h"

namespace assay::reference {
namespace {

using nlohmann::json;

GoldenContinuation continuation_of(const json& entry) {
  GoldenContinuation c;
  c.text = entry.value("text", "");
  entry.at("prompt").get_to(c.prompt);
  entry.at("greedy").get_to(c.greedy);
  entry.at("first_logits").get_to(c.first_logits);
  entry.at("top_ids").get_to(c.top_ids);
  entry.at("top_logits").get_to(c.top_logits);
  entry.at("logsumexp").get_to(c.logsumexp);
  return c;
}

GoldenCase case_of(const json& entry, const std::string& name) {
  GoldenCase golden;
  golden.name = name;
  if (entry.contains("config")) golden.config_json = entry.at("config").dump(2);
  golden.checksum = entry.value("checksum", "");
  for (const json& c : entry.at("continuations"))
    golden.continuations.push_back(continuation_of(c));
  const json& scored = entry.at("scored");
  golden.scored = {scored.value("text", ""), scored.at("ids").get<std::vector<std::int64_t>>(),
                   scored.at("log_probs").get<std::vector<double>>()};
  return golden;
}

}  // namespace

std::vector<GoldenCase> read_golden(const std::filesystem::path& path) {
  try {
    const json all = json::parse(read_file(path));
    std::vector<GoldenCase> cases{case_of(all.at("shipped"), "shipped")};
    for (const json& entry : all.at("random")) {
      cases.push_back(case_of(entry, entry.at("name").get<std::string>()));
    }
    return cases;
  } catch (const json::exception& e) {
    throw InputError(path.string() + ": " + e.what());
  }
}

std::string weights_checksum(const std::filesystem::path& safetensors) {
  std::uint64_t total = 0;
  for (const auto& [name, tensor] : read_safetensors(safetensors)) {
    const at::Tensor bits = tensor.flatten().view(at::kShort).to(at::kInt).bitwise_and(0xFFFF);
    const int* data = bits.const_data_ptr<int>();
    for (std::int64_t i = 0; i < bits.numel(); ++i) {
      total += static_cast<std::uint64_t>(data[i]) * static_cast<std::uint64_t>(i + 1);
    }
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(total));
  return text;
}

}  // namespace assay::reference
