#include "suites/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/device/error.h"
#include "suites/divergence.h"
#include "suites/model_checks.h"

namespace assay::suites {
namespace {

// Which elements of the engine's tap and of the truths belong together, in one order.
struct Match {
  std::vector<std::size_t> found;                          // of the engine's tap
  std::vector<std::pair<std::size_t, std::size_t>> truth;  // stretch, element
};

// Scores (B, H, T_max, S) of the engine, (H, T, T) of each stretch. What lies beyond a sequence's
// own tokens and cache is padding, which no op reads.
Match match_scores(const Tap& tap, const std::vector<Place>& places,
                   const std::vector<Stretch>& stretches) {
  Match match;
  const auto H = static_cast<std::size_t>(tap.shape[1]);
  const auto T_max = static_cast<std::size_t>(tap.shape[2]);
  const auto S = static_cast<std::size_t>(tap.shape[3]);
  for (std::size_t b = 0; b < places.size(); ++b) {
    const std::size_t length = stretches[places[b].stretch].tokens.size();
    const auto past = static_cast<std::size_t>(places[b].past);
    const auto q_len = static_cast<std::size_t>(places[b].q_len);
    for (std::size_t h = 0; h < H; ++h) {
      for (std::size_t t = 0; t < q_len; ++t) {
        for (std::size_t s = 0; s < past + q_len; ++s) {
          match.found.push_back(((b * H + h) * T_max + t) * S + s);
          match.truth.emplace_back(places[b].stretch, (h * length + past + t) * length + s);
        }
      }
    }
  }
  return match;
}

// Packed rows (T, W), or one row per sequence (B, W) where only last rows were computed.
Match match_rows(const Tap& tap, const std::vector<Place>& places) {
  Match match;
  const auto width = static_cast<std::size_t>(tap.shape[1]);
  std::size_t tokens = 0;
  for (const Place& place : places) tokens += static_cast<std::size_t>(place.q_len);
  const bool last_rows = static_cast<std::size_t>(tap.shape[0]) != tokens;
  std::size_t row = 0;
  for (const Place& place : places) {
    const auto q_len = static_cast<std::size_t>(place.q_len);
    const auto past = static_cast<std::size_t>(place.past);
    const std::size_t skipped = last_rows && q_len > 0 ? q_len - 1 : 0;
    for (std::size_t t = skipped; t < q_len; ++t) {
      for (std::size_t i = 0; i < width; ++i) {
        match.found.push_back((row + t - skipped) * width + i);
        match.truth.emplace_back(place.stretch, (past + t) * width + i);
      }
    }
    row += last_rows ? 1 : q_len;
  }
  return match;
}

Answer gather(const Truths& truths, std::size_t tap, Answer TapTruth::*which, const Match& match) {
  Answer answer;
  answer.shape = {static_cast<std::int64_t>(match.truth.size())};
  for (const auto& [stretch, i] : match.truth) {
    const Answer& from = truths.stretches[stretch][tap].*which;
    answer.exact.push_back(from.exact.at(i));
    answer.same_dtype.push_back(from.same_dtype.at(i));
  }
  return answer;
}

HostTensor gather(const HostTensor& whole, const Match& match) {
  HostTensor part(whole.dtype, {static_cast<std::int64_t>(match.found.size())});
  const std::size_t item = size_of(whole.dtype);
  for (std::size_t i = 0; i < match.found.size(); ++i) {
    std::copy_n(whole.bytes.begin() + static_cast<std::ptrdiff_t>(match.found[i] * item), item,
                part.bytes.begin() + static_cast<std::ptrdiff_t>(i * item));
  }
  return part;
}

HostTensor download_tap(const Tap& tap, const Stream& stream) {
  return download(tap.data, tap.dtype, {tap.shape.begin(), tap.shape.end()}, stream);
}

// One pass over the script; `at_tap` sees every tap with its step and its place among the truths.
class Pass {
 public:
  Pass(const Script& script, const WeightSource& weights, const Layout& layout,
       const Truths& truths)
      : script_(script), layout_(layout), llama_(weights, options_of(script)) {
    for (const TapTruth& tap : truths.stretches.at(0)) names_.push_back(tap.name);
  }

  using AtTap = std::function<void(const Tap&, std::size_t step, std::size_t place, const Match&)>;
  std::string run(const Tamper& tamper, const AtTap& at_tap) {
    std::string problem;
    if (script_.cache_fill) {
      fill_bytes(llama_.kv_cache().k(0), *script_.cache_fill,
                 KvCache::bytes(llama_.config(), script_.dtype, script_.max_batch,
                                cache_slots(llama_.options())),
                 llama_.stream());
    }
    for (std::size_t step = 0; step < script_.steps.size(); ++step) {
      std::size_t place = 0;
      std::string reached = "before its first tap";
      llama_.set_observer([&](const Tap& tap) {
        if (place >= names_.size() || names_[place] != tap.name) {
          if (problem.empty()) problem = fmt::format("the reference has no tap {} there", tap.name);
          return;
        }
        // A GPU's fault shows when the tap is copied, an emulated one before the tap is reached.
        reached = fmt::format("at tap {}, made by {}", tap.name, names_of(tap.launched));
        if (tamper) tamper(tap, llama_.stream());
        const bool scores = tap.name.ends_with("attention.scores");
        at_tap(tap, step, place++,
               scores ? match_scores(tap, layout_.places[step], layout_.stretches)
                      : match_rows(tap, layout_.places[step]));
        reached = fmt::format("after tap {}", tap.name);
      });
      try {
        llama_.forward(llama_.begin_step(script_.steps[step]), script_.rows);
      } catch (const InputError&) {
        throw;
      } catch (const std::exception& error) {
        stopped_ = true;
        return fmt::format("the forward pass stops in step {}, {}: {}", step, reached,
                           error.what());
      }
      if (place != names_.size() && problem.empty()) {
        problem = fmt::format("the engine has no tap {}", names_[place]);
      }
    }
    return problem;
  }
  bool stopped() const { return stopped_; }
  const Stream& stream() const { return llama_.stream(); }

 private:
  static RunOptions options_of(const Script& script) {
    RunOptions options;
    options.dtype = script.dtype;
    options.max_batch = script.max_batch;
    options.all_logits = script.rows == LogitRows::kAll;
    options.graphs = false;
    options.share_arena = false;  // taps read intermediates that a shared arena would have reused
    options.kernels = KernelSet::parse(script.kernels);
    return options;
  }

  const Script& script_;
  const Layout& layout_;
  Llama llama_;
  std::vector<std::string> names_;
  bool stopped_ = false;
};

template <class Of>
const TapTrace* first_failing(const std::vector<TapTrace>& taps, Of verdict_of) {
  for (const TapTrace& tap : taps) {
    if (!verdict_of(tap)) return &tap;
  }
  return nullptr;
}

}  // namespace

std::vector<StepInput> steps_of(const std::vector<std::vector<int>>& fed,
                                const std::vector<int>& prompt_lens, int chunk) {
  std::vector<StepInput> steps;
  const std::size_t B = fed.size();
  const int longest = *std::max_element(prompt_lens.begin(), prompt_lens.end());
  const auto take = [&](StepInput& step, std::size_t b, int from, int to) {
    step.ids.emplace_back(fed[b].begin() + from, fed[b].begin() + to);
    step.past_lens.push_back(from);
  };
  for (int first = 0; first < longest; first += chunk) {
    StepInput& step = steps.emplace_back();
    step.rope_length = longest;
    for (std::size_t b = 0; b < B; ++b) {
      take(step, b, std::min(first, prompt_lens[b]), std::min(first + chunk, prompt_lens[b]));
    }
  }
  const std::size_t decoded = fed.at(0).size() - static_cast<std::size_t>(prompt_lens[0]);
  for (std::size_t i = 0; i < decoded; ++i) {
    StepInput& step = steps.emplace_back();
    for (std::size_t b = 0; b < B; ++b) {
      const int from = prompt_lens[b] + static_cast<int>(i);
      take(step, b, from, from + 1);
    }
  }
  return steps;
}

Script script_over(std::vector<std::vector<int>> prompts, int decode, int vocab, int context,
                   std::uint64_t seed) {
  std::vector<std::vector<int>> fed =
      prompts.empty() ? ragged_prompts(vocab, context, seed) : std::move(prompts);
  std::vector<int> lengths;
  Random random(seed_for(seed, "decoded"));
  for (std::vector<int>& tokens : fed) {
    if (static_cast<std::int64_t>(tokens.size()) + decode > context) {
      throw InputError(
          fmt::format("a prompt of {} tokens and {} decoded ones: the model's context is {}",
                      tokens.size(), decode, context));
    }
    lengths.push_back(static_cast<int>(tokens.size()));
    for (int i = 0; i < decode; ++i) tokens.push_back(random.between(3, vocab - 1));
  }
  Script script;
  script.max_batch = static_cast<int>(fed.size());
  script.steps = steps_of(fed, lengths, /*chunk=*/512);
  return script;
}

Layout layout_of(const Script& script) {
  Layout layout;
  std::vector<std::size_t> current;  // the stretch of each cache row
  for (const StepInput& step : script.steps) {
    const std::size_t B = step.ids.size();
    if (B == 0 || B > static_cast<std::size_t>(script.max_batch) || step.past_lens.size() != B ||
        std::ranges::all_of(step.ids, [](const auto& ids) { return ids.empty(); })) {
      throw InputError(
          fmt::format("step {}: ids of {} sequences and {} past lengths; there must be as many of "
                      "either, 1 to {}, and a token",
                      layout.places.size(), B, step.past_lens.size(), script.max_batch));
    }
    std::vector<Place>& places = layout.places.emplace_back();
    for (std::size_t b = 0; b < B; ++b) {
      const int past = step.past_lens[b];
      const int q_len = static_cast<int>(step.ids[b].size());
      if (b >= current.size() ||
          static_cast<int>(layout.stretches[current[b]].tokens.size()) != past) {
        if (past != 0) {
          throw InputError(
              fmt::format("sequence {}: a step after {} tokens that no step gave", b, past));
        }
        current.resize(std::max(current.size(), b + 1));
        current[b] = layout.stretches.size();
        layout.stretches.push_back({{}, std::max(q_len, step.rope_length)});
      }
      std::vector<int>& tokens = layout.stretches[current[b]].tokens;
      tokens.insert(tokens.end(), step.ids[b].begin(), step.ids[b].end());
      places.push_back({current[b], past, q_len});
    }
  }
  // A prompt given in chunks is told its whole length; no stretch was prefilled beyond its end.
  for (Stretch& stretch : layout.stretches) {
    stretch.prefill = std::min(stretch.prefill, static_cast<int>(stretch.tokens.size()));
  }
  return layout;
}

Truths ask(const ModelOracle& oracle, const Script& script) {
  Truths truths;
  truths.layers = oracle.layers();
  truths.longest_sum = oracle.longest_sum();
  for (const Stretch& stretch : layout_of(script).stretches) {
    truths.stretches.push_back(oracle.taps(stretch.tokens, stretch.prefill));
  }
  return truths;
}

bool TapTrace::in_bound() const { return accumulated.pass && local_in_bound(); }
bool TapTrace::local_in_bound() const { return found_local.bytes.empty() || local.pass; }

const TapTrace* Trace::first_accumulated() const {
  return first_failing(taps, [](const TapTrace& tap) { return tap.accumulated.pass; });
}

const TapTrace* Trace::first_local() const {
  return first_failing(taps, [](const TapTrace& tap) { return tap.local_in_bound(); });
}

const TapTrace* Trace::first() const {
  return first_failing(taps, [](const TapTrace& tap) { return tap.in_bound(); });
}

namespace {

void run_accumulated(Trace& trace, const Script& script, const WeightSource& weights,
                     const Layout& layout, const Truths& truths, const Tamper& tamper,
                     const OnStop& on_stop) {
  Pass pass(script, weights, layout, truths);
  trace.problem = pass.run(
      tamper, [&](const Tap& tap, std::size_t step, std::size_t place, const Match& match) {
        HostTensor found = gather(download_tap(tap, pass.stream()), match);
        Answer answer = gather(truths, place, &TapTruth::accumulated, match);
        const Verdict verdict = judge(tap.name, found, answer, truths.longest_sum,
                                      roundings_before(tap.name, truths.layers));
        trace.taps.push_back({step,
                              tap.name,
                              tap.launched,
                              tap.shape.size() == 2 ? tap.shape[1] : 1,
                              std::move(found),
                              HostTensor(tap.dtype, {0}),
                              std::move(answer),
                              {},
                              verdict,
                              {}});
      });
  trace.stopped = pass.stopped();
  if (trace.stopped && on_stop) on_stop(trace);
}

void run_local(Trace& trace, const Script& script, const WeightSource& weights,
               const Layout& layout, const Truths& truths, const Tamper& tamper,
               const OnStop& on_stop) {
  std::size_t next = 0;
  Pass pass(script, weights, layout, truths);
  trace.problem =
      pass.run(tamper, [&](const Tap& tap, std::size_t, std::size_t place, const Match& match) {
        TapTrace& traced = trace.taps.at(next++);
        HostTensor whole = download_tap(tap, pass.stream());
        traced.found_local = gather(whole, match);
        traced.local_answer = gather(truths, place, &TapTruth::local, match);
        traced.local = judge(tap.name, traced.found_local, traced.local_answer, truths.longest_sum,
                             /*roundings=*/1);
        // What follows is fed the reference's value, as the reference's own local answers were.
        for (std::size_t i = 0; i < match.found.size(); ++i) {
          whole.set(match.found[i], traced.answer.exact[i]);
        }
        copy_to_device(tap.data, whole.bytes.data(), whole.bytes.size(), pass.stream());
        pass.stream().synchronize();
      });
  trace.stopped = pass.stopped();
  if (trace.stopped && on_stop) on_stop(trace);
}

}  // namespace

Trace run_trace(const Script& script, const WeightSource& weights, const Truths& truths,
                const Tamper& tamper, const OnStop& on_stop) {
  const Layout layout = layout_of(script);
  Trace trace;
  run_accumulated(trace, script, weights, layout, truths, tamper, on_stop);
  if (trace.problem.empty()) {
    run_local(trace, script, weights, layout, truths, tamper, on_stop);
  }
  return trace;
}

int roundings_before(const std::string& tap, int layers) {
  if (tap == "embedding") return stream_roundings(-1);
  return stream_roundings(tap.starts_with("layer.") ? std::stoi(tap.substr(6)) : layers - 1);
}

}  // namespace assay::suites
