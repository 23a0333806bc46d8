// Prefill and decode of a random model: tokens per second, launches and allocations per step,
// beside the bytes and operations that a step cannot do without.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "engine/llama.h"
#include "kernels/device/properties.h"
#include "suites/model_oracle.h"
#include "suites/model_store.h"
#include "suites/rows.h"
#include "suites/sweeps.h"
#include "suites/time_models.h"

namespace assay::suites {
namespace {

// Weights that every token reads: all but the embedding table, unless the logits use that.
double matrix_elements(const ModelConfig& c) {
  const double width = c.hidden_size;
  const double heads = static_cast<double>(c.num_attention_heads) * c.head_dim;
  const double kv = static_cast<double>(c.num_key_value_heads) * c.head_dim;
  const double layer = width * (heads + 2 * kv) + heads * width + 3.0 * width * c.intermediate_size;
  return layer * c.num_hidden_layers + width * c.vocab_size;
}

double kv_bytes_per_token(const ModelConfig& c, DType dtype) {
  return 2.0 * c.num_hidden_layers * c.num_key_value_heads * c.head_dim *
         static_cast<double>(size_of(dtype));
}

// Operations of attention over `pairs` pairs of query and key.
double attention_flops(const ModelConfig& c, double pairs) {
  return 4.0 * pairs * c.num_attention_heads * c.head_dim * c.num_hidden_layers;
}

// Pairs of query and key that the causal mask shows.
double visible_pairs(const ModelShape& shape) {
  return shape.decode ? static_cast<double>(shape.batch) * shape.kv_len
                      : 0.5 * shape.batch * shape.q_len * (shape.q_len + 1.0);
}

// What a point of the sweep is, whichever kernel set runs it.
struct ModelPoint {
  std::string model;
  ModelConfig config;
  DType dtype;
  WorkPoint point;
  std::uint64_t seed;

  std::string id() const {
    return fmt::format("{}/batch={},q_len={},kv_len={}", name_of(point.phase), point.batch,
                       point.q_len(), point.seq);
  }
  ModelShape shape(const std::string& kernel_set) const {
    return {dtype,       kernel_set,    point.phase == Phase::kDecode,
            point.batch, point.q_len(), point.seq};
  }
};

reports::Row identity(const ModelPoint& p, const std::string& suite,
                      const std::string& kernel_set) {
  reports::Row row = common_row(suite, p.seed);
  row.set("case_id", p.model + "/" + p.id()).set("kernel_set", kernel_set);
  row.set("phase", std::string_view(name_of(p.point.phase))).set("batch", p.point.batch);
  row.set("q_len", p.point.q_len()).set("kv_len", p.point.seq);
  row.set("heads", p.config.num_attention_heads).set("kv_heads", p.config.num_key_value_heads);
  row.set("head_dim", p.config.head_dim);
  row.set("dtype", assay::name_of(p.dtype)).set("accumulate", "fp32");
  return row;
}

std::string repro(const ModelPoint& p, const std::string& kernel_set, const std::string& name) {
  return fmt::format(
      "sweep --level model --model {} --dtype {} --kernels '{}' --phase {} --batch {} --seq {} "
      "--seed {} --benchmark_filter='{}/'",
      p.model, assay::name_of(p.dtype), kernel_set, name_of(p.point.phase), p.point.batch,
      p.point.seq, p.seed, name);
}

// The operations and bytes that the block, or without one the whole step, cannot do without.
struct Needs {
  double flops;
  double bytes;
};
Needs needs_of(const ModelPoint& p, const std::optional<Block>& block) {
  const ModelConfig& c = p.config;
  const ModelShape shape = p.shape("");
  const double tokens = static_cast<double>(shape.batch) * shape.q_len;
  const double size = static_cast<double>(size_of(shape.dtype));
  const double width = c.hidden_size;
  const double head = width * c.vocab_size;
  const double attention = attention_flops(c, visible_pairs(shape));
  const double kv_bytes = kv_bytes_per_token(c, shape.dtype) * shape.batch * shape.kv_len;
  if (!block) {
    return {2.0 * tokens * (matrix_elements(c) - head) + 2.0 * shape.batch * head + attention,
            matrix_elements(c) * size + kv_bytes};
  }
  const double layers = c.num_hidden_layers;
  const double feed_forward = 3.0 * width * c.intermediate_size;
  const double layer = (matrix_elements(c) - head) / layers;
  const double elements = *block == Block::kFeedForward ? feed_forward
                          : *block == Block::kAttention ? layer - feed_forward
                                                        : layer;
  const double attends = *block == Block::kFeedForward ? 0.0 : 1.0 / layers;
  return {2.0 * tokens * elements + attends * attention,
          (elements + 2.0 * tokens * width) * size + attends * kv_bytes};
}

// Guesses: how fast a step is that an H200 runs with today's kernels, and with those of the set
// `baseline`; and how many steps a row's check and samples are.
constexpr double WEIGHT_S = 1.5e-9;  // drawn and uploaded, and once more for the reference
constexpr double CASE_S = 0.1;
constexpr double ROW_S = 0.4;
constexpr double STEPS = 12.0;
constexpr double BLOCK_RUNS = 30.0;
constexpr double BYTES_PER_S = 1e12;
constexpr double FLOPS_PER_S = 100e12;
constexpr double BASELINE_FLOPS_PER_S = 20e12;
constexpr double EMULATED_FLOPS_PER_S = 1e7;

Cost cost_of(const ModelPoint& p, bool block, const std::vector<std::string>& kernel_sets) {
  const Needs step = needs_of(p, {});
  double rows_s = 0.0;
  for (const std::string& set : kernel_sets) {
    const bool baseline = set.rfind("baseline", 0) == 0;
    const double step_s =
        properties().kind == DeviceKind::kEmulated
            ? step.flops / EMULATED_FLOPS_PER_S
            : std::max(step.flops / (baseline ? BASELINE_FLOPS_PER_S : FLOPS_PER_S),
                       step.bytes / BYTES_PER_S);
    const double steps = block ? BLOCK_RUNS / p.config.num_hidden_layers : STEPS;
    rows_s += ROW_S + steps * step_s;
  }
  return {WEIGHT_S * matrix_elements(p.config), CASE_S,
          rows_s / static_cast<double>(kernel_sets.size())};
}

// The rows of a point's block, or of its whole step where `block` is empty.
SweepCase model_case(const ModelPoint& p, const std::optional<Block>& block,
                     const std::vector<std::string>& kernel_sets,
                     const std::shared_ptr<ModelStore>& store) {
  const Needs needs = needs_of(p, block);
  const std::string part = block ? "/" + std::string(name_of(*block)) : "";
  SweepCase all;
  all.name = fmt::format("{}/{}{}/{}", p.model, assay::name_of(p.dtype), part, p.id());
  all.kind = fmt::format("{} {}", block ? name_of(*block) : "step", name_of(p.point.phase));
  const std::string skip = store->why_not(p.point);
  all.cost = cost_of(p, block.has_value(), kernel_sets);
  if (skip.empty()) {
    const RunOptions run = store->options(p.point);
    all.kept = {fmt::format("{}/{}", p.model, assay::name_of(p.dtype)),
                fmt::format("{}/{}x{}", name_of(p.point.phase), run.max_batch, run.max_seq)};
  }
  for (const std::string& kernel_set : kernel_sets) {
    SweepRow row;
    row.name =
        fmt::format("{}/{}/{}{}/{}", p.model, assay::name_of(p.dtype), kernel_set, part, p.id());
    row.identity = identity(p, block ? "layer" : "generation", kernel_set);
    row.skip = skip;
    if (block) row.identity.set("op", name_of(*block));
    row.identity.set("graph", block || p.point.phase == Phase::kDecode);
    row.identity.set("flops", std::llround(needs.flops)).set("bytes", std::llround(needs.bytes));
    row.identity.set("repro_cmd", repro(p, kernel_set, row.name));
    all.rows.push_back(std::move(row));
  }
  all.measure = [=](const std::vector<SweepRow>& chosen) {
    std::vector<Measured> measured;
    for (const SweepRow& row : chosen) measured.push_back({row.identity, {}});
    std::vector<ModelRow> rows;
    for (Measured& m : measured) {
      rows.push_back({p.shape(m.row.text("kernel_set")), &m.row, {}});
    }
    time_models(*store, block, rows, p.seed);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      measured[i].samples_us = std::move(rows[i].samples_us);
    }
    return measured;
  };
  return all;
}

}  // namespace

std::vector<SweepCase> model_cases(const std::string& model, DType dtype,
                                   const std::vector<WorkPoint>& points,
                                   const std::vector<std::string>& kernel_sets,
                                   std::uint64_t seed) {
  const auto store = std::make_shared<ModelStore>(model, dtype, points, seed);
  std::vector<SweepCase> cases;
  for (const WorkPoint& point : points) {
    const ModelPoint p{model, store->config(), dtype, point, seed};
    for (const Block block : {Block::kAttention, Block::kFeedForward, Block::kDecoderLayer}) {
      cases.push_back(model_case(p, block, kernel_sets, store));
    }
    cases.push_back(model_case(p, {}, kernel_sets, store));
  }
  return cases;
}

}  // namespace assay::suites
