#include "suites/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/config.h"
#include "engine/files.h"
#include "kernels/device/error.h"
#include "suites/build_info.h"
#include "suites/data_paths.h"
#include "suites/divergence.h"
#include "suites/model_checks.h"
#include "suites/repro.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int FORMAT = 1;

struct Side {
  std::string name;  // "from", "to"
  fs::path checkpoint;
  std::string kernels;
  Trace trace;
};

void require_same_shape(const fs::path& a_folder, const ModelConfig& a, const fs::path& b_folder,
                        const ModelConfig& b) {
  const auto require = [&](const char* what, auto of_a, auto of_b) {
    if (of_a == of_b) return;
    throw InputError(fmt::format("{} in {} is {}, in {} {}: only weights may differ", what,
                                 a_folder.string(), of_a, b_folder.string(), of_b));
  };
  require("vocab_size", a.vocab_size, b.vocab_size);
  require("hidden_size", a.hidden_size, b.hidden_size);
  require("intermediate_size", a.intermediate_size, b.intermediate_size);
  require("num_hidden_layers", a.num_hidden_layers, b.num_hidden_layers);
  require("num_attention_heads", a.num_attention_heads, b.num_attention_heads);
  require("num_key_value_heads", a.num_key_value_heads, b.num_key_value_heads);
  require("head_dim", a.head_dim, b.head_dim);
  require("rms_norm_eps", a.rms_norm_eps, b.rms_norm_eps);
  require("rope_theta", a.rope_theta, b.rope_theta);
  require("rope_scaling", static_cast<int>(a.rope_scaling), static_cast<int>(b.rope_scaling));
}

std::vector<int> parse_ids(const std::string& text, int vocab) {
  std::vector<int> ids;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    std::size_t used = 0;
    int id = -1;
    try {
      id = std::stoi(word, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (word.empty() || used != word.size() || id < 0 || id >= vocab) {
      throw InputError(fmt::format("--prompt-ids '{}': '{}' is no token id from 0 to {}", text,
                                   word, vocab - 1));
    }
    ids.push_back(id);
  }
  if (ids.empty()) throw InputError("--prompt-ids is empty; it must be ids such as 1,403,22");
  return ids;
}

Script make_script(const LayersOptions& options, const ModelConfig& config, DType dtype) {
  std::vector<std::vector<int>> prompts;
  for (const std::string& prompt : options.prompts) {
    prompts.push_back(parse_ids(prompt, config.vocab_size));
  }
  Script script = script_over(std::move(prompts), options.decode, config.vocab_size,
                              config.max_position_embeddings, options.seed);
  script.dtype = dtype;
  return script;
}

// A JSON number, or what JSON has no number for.
json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

json verdict_json(const Verdict& verdict) {
  return {{"in_bound", verdict.pass},
          {"ratio", number(verdict.ratio)},
          {"max_abs_err", number(verdict.max_abs_error)},
          {"bound", number(verdict.tolerance)},
          {"rms_err", number(verdict.rms_error)},
          {"ref_rms_err", number(verdict.same_dtype_rms_error)},
          {"worst_index", verdict.worst_index}};
}

json tap_json(const TapTrace& tap) {
  json made_by = json::array();
  for (const Launched& one : tap.launched) {
    made_by.push_back({{"op", one.op}, {"version", one.version}});
  }
  json of_tap = {{"step", tap.step},
                 {"tap", tap.name},
                 {"made_by", made_by},
                 {"accumulated", verdict_json(tap.accumulated)},
                 {"local", nullptr}};
  if (!tap.found_local.bytes.empty()) of_tap["local"] = verdict_json(tap.local);
  return of_tap;
}

json side_json(const Side& side) {
  json taps = json::array();
  for (const TapTrace& tap : side.trace.taps) taps.push_back(tap_json(tap));
  return {{"name", side.name},
          {"checkpoint", side.checkpoint.string()},
          {"kernels", side.kernels},
          {"problem", side.trace.problem},
          {"stopped", side.trace.stopped},
          {"taps", taps}};
}

class Comparison {
 public:
  explicit Comparison(const LayersOptions& options) : options_(options) {
    std::vector<std::string> folders = options.checkpoints;
    if (folders.empty()) folders.emplace_back(data_paths().shipped_checkpoint);
    if (folders.size() > 2) throw InputError("--checkpoint was given more than twice");
    const fs::path truth = folders.front();
    const fs::path judged = folders.back();
    const Checkpoint weights(truth);
    config_ = weights.config();
    if (folders.size() == 2) {
      require_same_shape(truth, config_, judged, Checkpoint(judged).config());
    }
    const std::string kernels = options.kernels.empty() ? "best" : options.kernels;
    const std::string from = options.from.empty() ? kernels : options.from;
    KernelSet::parse(kernels);
    KernelSet::parse(from);
    script_ =
        make_script(options, config_,
                    options.dtype.empty() ? config_.dtype : parse_dtype(options.dtype, "--dtype"));
    if (folders.size() == 2 || options.with_from) sides_.push_back({"from", truth, from, {}});
    sides_.push_back({"to", judged, kernels, {}});
    if (!options.json.empty()) OutputFile place(options.json);  // before the work, not after it
  }

  int run() {
    std::printf("verify --layers: device %s (%s), truth from %s, %s, %zu steps\n",
                name_of(properties().kind), properties().name.c_str(),
                sides_.front().checkpoint.c_str(), std::string(name_of(script_.dtype)).c_str(),
                script_.steps.size());
    {
      // Gone before an engine is made: in float64 it is the largest of all.
      const ModelOracle oracle(sides_.front().checkpoint, script_.dtype);
      truths_ = ask(oracle, script_);
    }
    refuse_what_is_not_finite();
    for (Side& side : sides_) {
      Script script = script_;
      script.kernels = side.kernels;
      const auto keep = [&](const Trace& trace) {
        side.trace = trace;
        std::printf("side '%s': %s\n", side.name.c_str(), trace.problem.c_str());
        std::fflush(stdout);
        write_json(std::nullopt, reproduce(side));
      };
      side.trace = run_trace(script, Checkpoint(side.checkpoint), truths_, {}, keep);
      if (side.trace.stopped) return 1;
    }
    const Side& to = sides_.back();
    const Trace* from = sides_.size() == 2 ? &sides_.front().trace : nullptr;
    const std::optional<Culprit> culprit = find_culprit(to.trace, from);
    if (!culprit && to.trace.problem.empty()) {
      std::printf("%s\n", describe_no_culprit(from).c_str());
      write_json(culprit, "");
      return 0;
    }
    std::printf("%s", describe_divergence(to.trace).c_str());
    if (culprit) {
      const TapTrace& tap = to.trace.taps[culprit->tap];
      std::printf("%s: %s, step %zu, made by %s\n", culprit->local ? "born at" : "first seen at",
                  tap.name.c_str(), tap.step, names_of(tap.launched).c_str());
    }
    write_json(culprit, reproduce(to));
    return 1;
  }

 private:
  // Nothing is within a bound that is not finite, on either side: none could be told from another.
  void refuse_what_is_not_finite() const {
    const auto finite = [](const std::vector<double>& values) {
      return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
    };
    const auto refuse = [&](const std::string& who, const TapTruth& tap, std::size_t sequence,
                            const std::string& remedy) {
      throw InputError(fmt::format(
          "{}: {} has values that are not finite from {} of sequence {} on, so that nothing can be "
          "held against it; {}",
          sides_.front().checkpoint.string(), who, tap.name, sequence, remedy));
    };
    for (std::size_t s = 0; s < truths_.stretches.size(); ++s) {
      for (const TapTruth& tap : truths_.stretches[s]) {
        if (!finite(tap.accumulated.exact)) {
          refuse("the reference", tap, s, "the weights, or a number of config.json, are damaged");
        }
        if (!finite(tap.accumulated.same_dtype) || !finite(tap.local.exact) ||
            !finite(tap.local.same_dtype)) {
          refuse(fmt::format("LibTorch at {}", name_of(script_.dtype)), tap, s,
                 "ask for a --dtype of a wider range: bf16 or fp32");
        }
      }
    }
  }

  std::string command() const {
    std::string text = fmt::format("verify --layers --seed {} --dtype {} --decode {}",
                                   options_.seed, name_of(script_.dtype), options_.decode);
    for (const std::string& folder : options_.checkpoints) text += " --checkpoint " + folder;
    for (const std::string& prompt : options_.prompts) text += " --prompt-ids " + prompt;
    if (!options_.kernels.empty()) text += " --kernels " + options_.kernels;
    if (options_.with_from) text += " --from " + options_.from;
    return text;
  }

  // Where the folder is, or "" where it cannot be written: what was found is worth telling without.
  std::string reproduce(const Side& side) const {
    Script script = script_;
    script.kernels = side.kernels;
    const Origin origin{"layers", command(), options_.seed, side.checkpoint.filename().string(),
                        side.checkpoint};
    std::string folder;
    try {
      folder = write_reproduction(options_.repro, origin, script, truths_, side.trace).string();
      std::printf("reproduction: verify --replay %s\n", folder.c_str());
    } catch (const std::exception& error) {
      std::printf("no reproduction: %s\n", error.what());
    }
    std::fflush(stdout);
    return folder;
  }

  void write_json(const std::optional<Culprit>& culprit, const std::string& folder) const {
    if (options_.json.empty()) return;
    json all = {{"format", FORMAT},
                {"commit", build_info().commit},
                {"device", name_of(properties().kind)},
                {"device_name", properties().name},
                {"dtype", name_of(script_.dtype)},
                {"layers", truths_.layers},
                {"seed", options_.seed},
                {"truth", sides_.front().checkpoint.string()},
                {"steps", json::array()},
                {"sides", json::array()},
                {"culprit", nullptr},
                {"reproduction", folder},
                {"picture", ""}};
    for (const StepInput& step : script_.steps) {
      std::size_t tokens = 0;
      for (const auto& ids : step.ids) tokens += ids.size();
      all["steps"].push_back({{"sequences", step.ids.size()}, {"tokens", tokens}});
    }
    for (const Side& side : sides_) all["sides"].push_back(side_json(side));
    if (culprit) {
      all["culprit"] = {{"tap", culprit->tap}, {"kind", culprit->local ? "local" : "accumulated"}};
      all["picture"] = describe_divergence(sides_.back().trace);
    }
    OutputFile out(options_.json);
    out.write(all.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
    out.commit();
  }

  const LayersOptions& options_;
  ModelConfig config_;
  Script script_;
  Truths truths_;
  std::vector<Side> sides_;  // "from" first where there is one
};

}  // namespace

std::optional<Culprit> find_culprit(const Trace& to, const Trace* from) {
  const auto other = [&](std::size_t i) {
    return from != nullptr && i < from->taps.size() ? &from->taps[i] : nullptr;
  };
  for (std::size_t i = 0; i < to.taps.size(); ++i) {
    if (!to.taps[i].local_in_bound() && !(other(i) && !other(i)->local_in_bound())) {
      return Culprit{i, true};
    }
  }
  for (std::size_t i = 0; i < to.taps.size(); ++i) {
    if (!to.taps[i].accumulated.pass && !(other(i) && !other(i)->accumulated.pass)) {
      return Culprit{i, false};
    }
  }
  return std::nullopt;
}

std::string describe_no_culprit(const Trace* from) {
  if (from == nullptr || from->first() == nullptr) return "every tap is within its bounds";
  return "no tap is out of bound on the side 'to' alone; the side 'from' fails, " +
         first_divergence(*from);
}

int compare_layers(const LayersOptions& options) { return Comparison(options).run(); }

}  // namespace assay::suites
