#include "suites/work_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/llama.h"
#include "kernels/device/error.h"

namespace assay::suites {
namespace {

constexpr int EVEN = 0;  // sequences of one length, as cases/ragged.h has it
constexpr long long LARGEST_GROUP = 128;

// The matrix products of a layer: (N, K) of each weight.
struct Product {
  long long n;
  long long k;
  bool bias;
};
std::vector<Product> layer_products(const ModelConfig& c) {
  const long long C = c.hidden_size;
  const long long F = c.intermediate_size;
  return {{c.qkv_width(), C, c.attention_bias},
          {C, c.attention_width(), c.attention_bias},
          {2 * F, C, c.mlp_bias},
          {C, F, c.mlp_bias}};
}

class ProblemList {
 public:
  void add(std::string op, std::vector<std::pair<std::string, long long>> dimensions,
           std::optional<DType> dtype = {}) {
    const bool there = std::any_of(list_.begin(), list_.end(), [&](const Problem& p) {
      return p.op == op && p.dtype == dtype && p.dimensions == dimensions;
    });
    if (!there) list_.push_back({std::move(op), dtype, std::move(dimensions)});
  }
  std::vector<Problem> take() { return std::move(list_); }

 private:
  std::vector<Problem> list_;
};

// Slots of a cache for sequences of this length.
int slots(int seq) {
  RunOptions options;
  options.max_seq = seq;
  return cache_slots(options);
}

void add_step(ProblemList& step, const ModelConfig& c, const WorkPoint& point) {
  const int B = point.batch;
  const int T_max = point.q_len();
  const int past = point.past();
  const int S = slots(point.seq);
  const long long T = static_cast<long long>(B) * T_max;
  const int C = c.hidden_size;
  const int H = c.num_attention_heads;
  const int G = c.num_key_value_heads;
  const int D = c.head_dim;
  const long long qkv = c.qkv_width();
  const auto attention = [&](const char* op) {
    step.add(op, {{"batch", B},
                  {"t_max", T_max},
                  {"s", S},
                  {"heads", H},
                  {"head_dim", D},
                  {"spare", 0},
                  {"lengths", EVEN}});
  };
  const auto unpad = [&](int t_max, long long width, std::optional<DType> dtype) {
    step.add("padding_remove",
             {{"batch", B}, {"t_max", t_max}, {"width", width}, {"lengths", EVEN}}, dtype);
  };
  const auto linear = [&](long long m, const Product& p) {
    step.add("linear", {{"m", m}, {"n", p.n}, {"k", p.k}, {"bias", p.bias ? 1 : 0}});
  };
  const std::vector<Product> products = layer_products(c);

  step.add("padding_offsets", {{"batch", B}, {"t_max", T_max}, {"past", past}, {"lengths", EVEN}},
           DType::kI32);
  unpad(T_max, 1, DType::kI32);
  step.add("causal_mask",
           {{"batch", B}, {"t_max", T_max}, {"past", past}, {"s", S}, {"lengths", EVEN}},
           DType::kU8);
  step.add("embedding", {{"tokens", T}, {"width", C}, {"vocab", c.vocab_size}});

  step.add("rms_norm", {{"rows", T}, {"width", C}});
  linear(T, products[0]);
  step.add("rope", {{"tokens", T}, {"heads", H}, {"kv_heads", G}, {"head_dim", D}});
  step.add("padding_restore", {{"batch", B},
                               {"t_max", T_max},
                               {"width", c.attention_width()},
                               {"x_stride", qkv},
                               {"lengths", EVEN}});
  step.add("kv_append", {{"batch", B},
                         {"t_max", T_max},
                         {"past", past},
                         {"spare", S - point.seq},
                         {"heads", H},
                         {"kv_heads", G},
                         {"head_dim", D},
                         {"lengths", EVEN}});
  if (G < H) {
    step.add("kv_broadcast", {{"batch", B},
                              {"heads", H},
                              {"kv_heads", G},
                              {"s", S},
                              {"s_max", S},
                              {"head_dim", D},
                              {"lengths", EVEN}});
  }
  attention("attention_scores");
  attention("attention_values");
  unpad(T_max, c.attention_width(), {});
  linear(T, products[1]);
  step.add("residual_add", {{"count", T * C}});
  linear(T, products[2]);
  step.add("swiglu", {{"tokens", T}, {"width", c.intermediate_size}});
  linear(T, products[3]);

  if (T_max > 1) unpad(1, C, {});  // the last row of each sequence
  linear(B, {c.vocab_size, C, false});
  for (const int greedy : {1, 0}) {
    step.add("sampling",
             {{"batch", B}, {"vocab", c.vocab_size}, {"history_stride", S}, {"greedy", greedy}});
  }
}

void add_quantized(ProblemList& step, const ModelConfig& c, const WorkPoint& point) {
  const long long T = static_cast<long long>(point.batch) * point.q_len();
  for (const int bits : {8, 4}) {
    for (const Product& p : layer_products(c)) {
      const long long group = std::gcd(p.k, LARGEST_GROUP);
      for (const char* op : {"quantize", "dequantize"}) {
        step.add(op, {{"n", p.n}, {"k", p.k}, {"bits", bits}, {"group_size", group}});
      }
      step.add("linear_quantized", {{"m", T},
                                    {"n", p.n},
                                    {"k", p.k},
                                    {"bits", bits},
                                    {"group_size", group},
                                    {"bias", p.bias ? 1 : 0}});
    }
  }
}

}  // namespace

const char* name_of(Phase phase) { return phase == Phase::kPrefill ? "prefill" : "decode"; }

std::vector<Problem> problems_at(const ModelConfig& config, const WorkPoint& point) {
  ProblemList step;
  add_step(step, config, point);
  add_quantized(step, config, point);
  return step.take();
}

std::string why_absent(const std::string& op, const ModelConfig& config) {
  const std::vector<Problem> problems = problems_at(config, {Phase::kDecode, 1, 1});
  if (std::any_of(problems.begin(), problems.end(), [&](const Problem& p) { return p.op == op; })) {
    return "";
  }
  if (op == "kv_broadcast") {
    return fmt::format("it has as many key and value heads as heads ({})",
                       config.num_attention_heads);
  }
  return "its forward pass does not launch it";
}

DimensionValues values_of(const Problem& problem, const CaseFamily& family) {
  DimensionValues values(family.dimensions.size());
  std::vector<bool> given(values.size(), false);
  for (const auto& [name, value] : problem.dimensions) {
    const std::size_t place = family.dimension(name);
    if (value < 0 || value > std::numeric_limits<int>::max()) {
      throw Error(fmt::format("{} = {} is past what a case can say", name, value));
    }
    values[place] = static_cast<int>(value);
    given[place] = true;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i]) {
      throw Error(
          fmt::format("work points say nothing of {}'s {}", family.op, family.dimensions[i].name));
    }
  }
  return values;
}

std::string beyond(const ModelConfig& config, const WorkPoint& point) {
  if (point.seq <= config.context_length()) return "";
  return fmt::format("{} tokens are past the model's context of {}", point.seq,
                     config.context_length());
}

}  // namespace assay::suites
