#include "suites/quality.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::suites {
namespace {

constexpr double NAN_VALUE = std::numeric_limits<double>::quiet_NaN();

double square(double x) { return x * x; }

// log softmax of one row (V).
std::vector<double> log_probabilities(const double* logits, std::size_t vocab) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t t = 0; t < vocab; ++t) largest = std::max(largest, logits[t]);
  double sum = 0.0;
  for (std::size_t t = 0; t < vocab; ++t) sum += std::exp(logits[t] - largest);
  std::vector<double> out(vocab);
  for (std::size_t t = 0; t < vocab; ++t) out[t] = logits[t] - largest - std::log(sum);
  return out;
}

std::size_t best_of(const double* logits, std::size_t vocab) {
  return static_cast<std::size_t>(std::max_element(logits, logits + vocab) - logits);
}

// One side's distance from float64.
struct Distance {
  std::vector<double> kl;          // per position
  std::vector<double> difference;  // of the next token's log-probability
  std::vector<bool> agrees;        // on the likeliest token
};

Distance distance(const ScoredText& text, const std::vector<double>& logits) {
  Distance d;
  const auto vocab = static_cast<std::size_t>(text.answer.shape.at(1));
  for (std::size_t i = 0; i < text.next.size(); ++i) {
    const double* exact = &text.answer.exact[i * vocab];
    const double* found = &logits[i * vocab];
    const std::vector<double> p = log_probabilities(exact, vocab);
    const std::vector<double> q = log_probabilities(found, vocab);
    double kl = 0.0;
    for (std::size_t t = 0; t < vocab; ++t) kl += std::exp(p[t]) * (p[t] - q[t]);
    d.kl.push_back(kl < 0.0 ? 0.0 : kl);  // a rounding below zero; NaN stays
    const auto next = static_cast<std::size_t>(text.next[i]);
    d.difference.push_back(q[next] - p[next]);
    d.agrees.push_back(best_of(found, vocab) == best_of(exact, vocab));
  }
  return d;
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double rms(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

// Nearest rank; NaN where one value is.
double quantile_999(std::vector<double> values) {
  for (const double value : values) {
    if (std::isnan(value)) return NAN_VALUE;
  }
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(0.999 * static_cast<double>(values.size())));
  return values[rank - 1];
}

Figure figure(const std::string& op, double found, double same_dtype, double tolerance) {
  Figure f{op, {}};
  f.verdict.output = op;
  f.verdict.found = found;
  f.verdict.max_abs_error = found;
  f.verdict.rms_error = found;
  f.verdict.same_dtype_rms_error = same_dtype;
  f.verdict.tolerance = tolerance;
  f.verdict.ratio = found == 0.0 ? 0.0 : found / tolerance;
  f.verdict.pass = f.verdict.ratio <= 1.0;  // false for NaN
  return f;
}

// What a position's own logits say about tolerances.
struct Scale {
  std::vector<double> deviation;  // floor of d: of independent logit errors, under p
  std::vector<double> single;     // floor of the error of the next token's log-probability
  std::vector<double> margin;     // of the two best
  std::vector<double> bound;      // of one logit's error, by the three-way rule
};

Scale scale_of(const ScoredText& text, double floor) {
  Scale scale;
  const auto vocab = static_cast<std::size_t>(text.answer.shape.at(1));
  for (std::size_t i = 0; i < text.next.size(); ++i) {
    const double* exact = &text.answer.exact[i * vocab];
    const double* same = &text.answer.same_dtype[i * vocab];
    const std::vector<double> p = log_probabilities(exact, vocab);
    const std::size_t best = best_of(exact, vocab);
    const double mean_square = square(rms({exact, exact + vocab}));
    const auto next = static_cast<std::size_t>(text.next[i]);
    double variance = 0.0;
    double single = 0.0;
    double error = 0.0;
    double size = 0.0;
    double second = -std::numeric_limits<double>::infinity();
    for (std::size_t t = 0; t < vocab; ++t) {
      const double likely = std::exp(p[t]);
      const double floor_square = square(floor) * std::max(square(exact[t]), mean_square);
      variance += likely * (1.0 - likely) * floor_square;
      single += square(t == next ? 1.0 - likely : likely) * floor_square;
      error = std::max(error, std::abs(same[t] - exact[t]));
      size = std::max(size, std::abs(exact[t]));
      if (t != best) second = std::max(second, exact[t]);
    }
    scale.deviation.push_back(std::sqrt(variance));
    scale.single.push_back(std::sqrt(single));
    scale.margin.push_back(exact[best] - second);
    scale.bound.push_back(2.0 * error + floor * size);
  }
  return scale;
}

bool finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

Figure top1(const Distance& engine, const Distance& same, const Scale& scale) {
  const auto n = static_cast<double>(scale.margin.size());
  double disagreements = 0.0;
  double same_disagreements = 0.0;
  double near_ties = 0.0;
  double worst = 0.0;
  for (std::size_t i = 0; i < scale.margin.size(); ++i) {
    if (scale.margin[i] <= 2.0 * scale.bound[i]) ++near_ties;
    if (!same.agrees[i]) ++same_disagreements;
    if (engine.agrees[i]) continue;
    ++disagreements;
    worst = std::max(worst, scale.margin[i] / (2.0 * scale.bound[i]));
  }
  Figure f = figure("top1", disagreements / n, same_disagreements / n, near_ties / n);
  f.verdict.ratio = worst;  // margin over bound of the worst disagreement
  f.verdict.pass = worst <= 1.0;
  return f;
}

}  // namespace

std::vector<Figure> judge_quality(const ScoredText& text) {
  const double floor =
      relative_floor(text.dtype, text.longest_sum) * std::sqrt(static_cast<double>(text.roundings));
  const Scale scale = scale_of(text, floor);
  const Distance engine = distance(text, text.logits);
  const Distance same = distance(text, text.answer.same_dtype);

  const double same_mean = mean(same.kl);
  const double same_p999 = quantile_999(same.kl);
  const double largest = *std::max_element(scale.deviation.begin(), scale.deviation.end());
  const auto allowed = [](double same_kl, double floor_of_logits) {
    return square(2.0 * std::sqrt(2.0 * same_kl) + floor_of_logits) / 2.0;
  };
  std::vector<Figure> figures{
      figure("kl_mean", mean(engine.kl), same_mean, allowed(same_mean, rms(scale.deviation))),
      figure("kl_p999", quantile_999(engine.kl), same_p999, allowed(same_p999, largest)),
      top1(engine, same, scale),
  };

  const double same_shift = std::abs(mean(same.difference));
  const double one = 2.0 * rms(same.difference) + rms(scale.single);
  const double shift =
      2.0 * same_shift + 3.0 * one / std::sqrt(static_cast<double>(text.next.size()));
  figures.push_back(figure("perplexity", std::abs(std::expm1(-mean(engine.difference))),
                           std::abs(std::expm1(-mean(same.difference))), std::expm1(shift)));

  // A NaN among the logits, or LibTorch's, may leave an argmax, or a sum, looking sound.
  if (!finite(text.logits) || !finite(text.answer.exact) || !finite(text.answer.same_dtype)) {
    for (Figure& f : figures) {
      f.verdict.ratio = NAN_VALUE;
      f.verdict.pass = false;
    }
  }
  return figures;
}

std::vector<SpoilCount> spoil_quality(const ScoredText& text) {
  const auto vocab = static_cast<std::ptrdiff_t>(text.answer.shape.at(1));
  std::vector<SpoilCount> counts;
  const auto show = [&](const std::string& name, const std::vector<double>& logits,
                        bool perplexity_too) {
    ScoredText wrong = text;
    wrong.logits = logits;
    const std::vector<Figure> figures = judge_quality(wrong);
    counts.resize(figures.size());
    for (std::size_t i = 0; i < figures.size(); ++i) {
      if (figures[i].op == "perplexity" && !perplexity_too) continue;
      counts[i].count(name, !figures[i].verdict.pass);
    }
  };
  show("zeros", std::vector<double>(text.answer.exact.size(), 0.0), true);
  std::vector<double> wrong = text.answer.exact;
  wrong[wrong.size() / 2] = NAN_VALUE;
  show("a NaN", wrong, true);
  wrong = text.answer.exact;
  std::rotate(wrong.begin(), wrong.begin() + vocab, wrong.end());
  show("the neighbouring position", wrong, false);
  return counts;
}

}  // namespace assay::suites
