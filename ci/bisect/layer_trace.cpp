#include "ci/bisect/layer_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

using nlohmann::json;

constexpr int FORMAT = 1;

double number(const json& value) {
  if (value.is_number()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

TapError error_of(const json& verdict) {
  return {verdict.at("in_bound").get<bool>(), number(verdict.at("ratio")),
          number(verdict.at("max_abs_err")), number(verdict.at("bound"))};
}

TracedTap tap_of(const json& of_tap) {
  TracedTap tap;
  tap.step = of_tap.at("step").get<std::size_t>();
  tap.name = of_tap.at("tap").get<std::string>();
  for (const json& one : of_tap.at("made_by")) {
    MadeBy made{one.at("op").get<std::string>(), one.at("version").get<std::string>()};
    if (std::ranges::find(tap.made_by, made) == tap.made_by.end()) tap.made_by.push_back(made);
  }
  tap.accumulated = error_of(of_tap.at("accumulated"));
  if (!of_tap.at("local").is_null()) tap.local = error_of(of_tap.at("local"));
  return tap;
}

bool local_in_bound(const TracedTap& tap) { return !tap.local || tap.local->in_bound; }

}  // namespace

LayerTrace parse_layer_trace(const json& all, const std::string& file) {
  try {
    if (all.at("format").get<int>() != FORMAT) {
      throw InputError(
          fmt::format("{}: format {}; this program reads {}. Take verify of the same "
                      "build",
                      file, all["format"].dump(), FORMAT));
    }
    LayerTrace trace;
    trace.device = all.at("device").get<std::string>();
    trace.dtype = all.at("dtype").get<std::string>();
    trace.truth = all.at("truth").get<std::string>();
    trace.picture = all.at("picture").get<std::string>();
    trace.reproduction = all.at("reproduction").get<std::string>();
    for (const json& of_side : all.at("sides")) {
      TracedSide side{of_side.at("checkpoint").get<std::string>(),
                      of_side.at("kernels").get<std::string>(),
                      of_side.at("problem").get<std::string>(),
                      of_side.at("stopped").get<bool>(),
                      {}};
      for (const json& of_tap : of_side.at("taps")) side.taps.push_back(tap_of(of_tap));
      trace.sides.push_back(std::move(side));
    }
    if (trace.sides.empty()) throw InputError(file + ": there are no sides");
    if (const json& culprit = all.at("culprit"); !culprit.is_null()) {
      trace.culprit = culprit.at("tap").get<std::size_t>();
      trace.local = culprit.at("kind").get<std::string>() == "local";
      if (*trace.culprit >= trace.to().taps.size()) {
        throw InputError(file + ": the culprit is none of the taps");
      }
    }
    return trace;
  } catch (const json::exception& error) {
    throw InputError(fmt::format("{}: not what verify --layers writes: {}", file, error.what()));
  }
}

std::vector<std::size_t> born_errors(const LayerTrace& trace) {
  std::vector<std::size_t> born;
  const TracedSide* from = trace.from();
  for (std::size_t i = 0; i < trace.to().taps.size(); ++i) {
    const bool there_too = from && i < from->taps.size() && !local_in_bound(from->taps[i]);
    if (!local_in_bound(trace.to().taps[i]) && !there_too) born.push_back(i);
  }
  return born;
}

std::vector<MadeBy> suspects(const LayerTrace& trace) {
  if (!trace.culprit) return {};
  const std::vector<MadeBy>& all = trace.to().taps[*trace.culprit].made_by;
  const TracedSide* from = trace.from();
  if (!from || *trace.culprit >= from->taps.size()) return all;
  const std::vector<MadeBy>& right = from->taps[*trace.culprit].made_by;
  std::vector<MadeBy> differing;
  for (const MadeBy& one : all) {
    if (std::ranges::find(right, one) == right.end()) differing.push_back(one);
  }
  return differing.empty() ? all : differing;
}

std::string layer_of(const std::string& tap) {
  return tap.starts_with("layer.") ? tap.substr(0, tap.find('.', 6)) : tap;
}

std::vector<std::string> weights_of(const std::string& tap) {
  if (tap == "embedding") return {"model.embed_tokens.weight"};
  if (tap == "final.norm") return {"model.norm.weight"};
  if (tap == "logits") return {"lm_head.weight"};
  if (!tap.starts_with("layer.")) return {};
  const std::size_t dot = tap.find('.', 6);
  const std::string prefix = "model.layers." + tap.substr(6, dot - 6) + ".";
  const std::string part = tap.substr(dot + 1);
  std::vector<std::string> names;
  if (part == "attention.norm") names = {"input_layernorm"};
  if (part == "attention.qkv") {
    names = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
  }
  if (part == "attention.output") names = {"self_attn.o_proj"};
  if (part == "feed_forward.norm") names = {"post_attention_layernorm"};
  if (part == "feed_forward.gate_up") names = {"mlp.gate_proj", "mlp.up_proj"};
  if (part == "feed_forward.down") names = {"mlp.down_proj"};
  for (std::string& name : names) name = prefix + name + ".weight";
  return names;
}

}  // namespace assay::bisect
