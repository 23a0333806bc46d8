// Sampling: each rule alone and all together, a different mix in every row of a batch.
//
// The reference decides in float64 and says how close its closest comparison was. Rows that lie
// within the rounding of fp32 say nothing, and their logits are drawn again. The rules bite harder
// than in use, so that each has its say in some row.
#include "reference/sampling.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstddef>

#include "kernels/sampling/sampling.h"
#include "suites/cases/sampling_peer.h"
#include "suites/cases/sampling_rules.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int batch;
  int vocab;
  int history_stride;
  bool greedy;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 4, 300, 7, false},      {ShapeSet::kSmoke, 2, 33, 1, true},
    {ShapeSet::kCi, 1, 1, 1, false},           {ShapeSet::kCi, 16, 1000, 40, false},
    {ShapeSet::kCi, 5, 4096, 900, true},       {ShapeSet::kCi, 3, 32000, 5, false},
    {ShapeSet::kSweep, 1, 32000, 256, true},   {ShapeSet::kSweep, 32, 32000, 256, true},
    {ShapeSet::kSweep, 1, 32000, 256, false},  {ShapeSet::kSweep, 8, 32000, 256, false},
    {ShapeSet::kSweep, 32, 32000, 256, false},
};

// Several times what fp32 arithmetic can move a comparison by.
constexpr double LEAST_MARGIN = 2e-6;
constexpr int MOST_DRAWS = 200;
constexpr std::size_t TELLING_VOCAB = 512;

// Row b of the batch has its own mix of rules; histories repeat tokens.
SamplingProblem problem(const Shape& shape) {
  SamplingProblem problem;
  for (int b = 0; b < shape.batch; ++b) {
    SamplingParams p;
    p.temperature = shape.greedy || b % 8 == 7 ? 0.0f : 0.6f + 0.1f * static_cast<float>(b % 5);
    p.top_k = b % 4 == 0 ? 40 : b % 4 == 2 ? 5 : 0;
    p.top_p = b % 3 == 0 ? 0.7f : 1.0f;
    p.min_p = b % 4 == 1 ? 0.1f : 0.0f;
    p.repetition_penalty = b % 2 == 0 ? 1.2f : 1.0f;
    p.seed = 0x9E3779B97F4A7C15ULL * static_cast<std::uint64_t>(b + 1);
    problem.params.push_back(p);
    std::vector<std::int64_t> tokens;
    for (int i = 0; i < shape.history_stride - b % shape.history_stride; ++i) {
      tokens.push_back(static_cast<std::int64_t>(i) * i * 7 % shape.vocab);
    }
    problem.history.push_back(tokens);
  }
  return problem;
}

// Row b of `logits`, until the decision on it is clear; in small vocabularies, where that is
// quickly found, also until every rule has its say in it.
void draw_row(HostTensor& logits, std::size_t b, const SamplingProblem& given, Random& random) {
  const std::size_t vocab = static_cast<std::size_t>(logits.shape[1]);
  std::vector<double> row(vocab);
  const double middle = b % 4 == 2 ? -20.0 : 0.0;  // the penalty multiplies logits below zero
  const int telling_draws = vocab <= TELLING_VOCAB ? MOST_DRAWS : 0;
  for (int draws = 0; draws < telling_draws + MOST_DRAWS; ++draws) {
    for (std::size_t i = 0; i < vocab; ++i) {
      logits.set(b * vocab + i, middle + 3.0 * random.normal());
    }
    for (const std::int64_t token : given.history[b]) {  // likely ones: text repeats itself
      logits.set(b * vocab + static_cast<std::size_t>(token), middle + 8.0 + random.normal());
    }
    for (std::size_t i = 0; i < vocab; ++i) row[i] = logits.get(b * vocab + i);
    const reference::Sampled sampled = sample_row(row, given.params[b], given.history[b]);
    if (sampled.margin <= LEAST_MARGIN) continue;
    if (draws >= telling_draws ||
        every_rule_tells(row, given.params[b], given.history[b], sampled.token)) {
      return;
    }
  }
  throw Error("sampling: " + std::to_string(MOST_DRAWS) + " draws gave no clear decision");
}

Case make(const Shape& shape, DType dtype) {
  const auto [set, batch, vocab, history_stride, greedy] = shape;
  const SamplingProblem given = problem(shape);
  CaseBuilder<SamplingArgs> c(sampling_op(), dtype, set);
  c.dimension("batch", batch).dimension("vocab", vocab);
  c.dimension("history_stride", history_stride).dimension("greedy", greedy ? 1 : 0);
  c.column("batch", batch).column("n", vocab);
  c.phase("decode");
  const auto logits = c.input("logits", {batch, vocab}, [given](HostTensor& t, Random& random) {
    for (std::size_t b = 0; b < given.params.size(); ++b) draw_row(t, b, given, random);
  });
  const auto params = c.typed_input(
      "params", DType::kU8, {batch, static_cast<std::int64_t>(sizeof(SamplingParams))},
      [given](HostTensor& t, Random&) {
        // Field by field: the bytes between them are nobody's, and would differ from run to run.
        for (std::size_t b = 0; b < given.params.size(); ++b) {
          const auto* from = reinterpret_cast<const unsigned char*>(&given.params[b]);
          const auto copy = [&](std::size_t begin, std::size_t end) {
            std::copy(from + begin, from + end,
                      t.bytes.data() + b * sizeof(SamplingParams) + begin);
          };
          copy(0, offsetof(SamplingParams, repetition_penalty) + sizeof(float));
          copy(offsetof(SamplingParams, seed), sizeof(SamplingParams));
        }
      });
  const auto history = c.typed_input(
      "history", DType::kI32, {batch, history_stride},
      [given, stride = static_cast<std::size_t>(history_stride)](HostTensor& t, Random&) {
        for (std::size_t b = 0; b < given.history.size(); ++b) {
          for (std::size_t i = 0; i < stride; ++i) {
            const std::vector<std::int64_t>& tokens = given.history[b];
            t.set(b * stride + i, i < tokens.size() ? static_cast<double>(tokens[i]) : -1.0);
          }
        }
      });
  std::vector<double> lens;
  for (const auto& tokens : given.history) lens.push_back(static_cast<double>(tokens.size()));
  const auto history_lens = c.typed_input("history_lens", DType::kI32, {batch}, values(lens));
  const auto workspace = c.scratch("workspace", DType::kF32, {batch, vocab});
  const auto tokens = c.typed_output("tokens", DType::kI32, {batch});

  c.exact().work(static_cast<double>(batch) * vocab * static_cast<double>(size_of(dtype)), 0.0);
  c.reference([=](const Tensors& t) -> Tensors {
    std::vector<reference::SamplingParams> rules;
    for (const SamplingParams& p : given.params) rules.push_back(for_reference(p));
    std::vector<double> picked;
    for (const auto& sampled : reference::sample(t[logits], rules, given.history)) {
      picked.push_back(static_cast<double>(sampled.token));
    }
    return {at::tensor(picked, at::kDouble)};
  });
  c.prepared_peer(sampling_peer(given, logits));
  spoil_sampling(c, given, logits);
  if (batch > 1) {
    c.independent_rows({logits, params, history, history_lens, workspace, tokens}, [=] {
      return make({set, 1, vocab, history_stride, greedy}, dtype);
    });
  }
  return c.launch([=](const Pointers& p) {
    return SamplingArgs{as_ints(p[tokens]),
                        static_cast<float*>(p[workspace]),
                        p[logits],
                        static_cast<const SamplingParams*>(p[params]),
                        as_ints(p[history]),
                        as_ints(p[history_lens]),
                        batch,
                        vocab,
                        history_stride,
                        dtype};
  });
}

}  // namespace

CaseFamily sampling_family() {
  const std::vector<Field<Shape>> fields{field("batch", &Shape::batch, 1, 16),
                                         field("vocab", &Shape::vocab, 1, 33000),
                                         field("history_stride", &Shape::history_stride, 1, 2000),
                                         choice("greedy", &Shape::greedy, {1, 0})};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "vocab") return {{ShapeSet::kCi, 4, value, 6, false}};
    if (dimension == "history_stride") return {{ShapeSet::kCi, 2, 700, value, false}};
    return {};
  };
  return family_from_table(sampling_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
