// Shapes and inputs that the two halves of attention share.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "suites/case.h"
#include "suites/cases/ragged.h"
#include "suites/cases/table.h"

namespace assay::suites {

struct AttentionShape {
  ShapeSet set;
  int batch;
  int t_max;
  int s;  // slots of the longest sequence, its t_max new ones included
  int heads;
  int head_dim;
  int spare = 3;  // slots per head in the cache past S
  int lengths = STAGGERED;
};

inline constexpr AttentionShape ATTENTION_SHAPES[] = {
    {ShapeSet::kSmoke, 3, 5, 9, 2, 16},   // prefill onto a cache; one sequence has no tokens
    {ShapeSet::kSmoke, 2, 1, 33, 3, 64},  // decode
    {ShapeSet::kSmoke, 2, 3, 4, 1, 7},    // a width that no vector divides
    {ShapeSet::kCi, 1, 1, 1, 1, 1},       //
    {ShapeSet::kCi, 1, 33, 33, 2, 128},   // prefill
    {ShapeSet::kCi, 4, 6, 140, 2, 80},    //
    {ShapeSet::kCi, 5, 1, 257, 2, 128},   // decode
    {ShapeSet::kCi, 1, 2, 70, 1, 256},    //
    {ShapeSet::kCi, 2, 2, 3, 1, 1032},    // wider than a block
    {ShapeSet::kSweep, 1, 1, 256, 32, 128, 0, EVEN},  // 7B decode
    {ShapeSet::kSweep, 1, 1, 2048, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 8, 1, 256, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 32, 1, 256, 32, 128, 0, EVEN},
    {ShapeSet::kSweep, 1, 512, 512, 32, 128, 0, EVEN},  // 7B prefill
    {ShapeSet::kSweep, 1, 2048, 2048, 32, 128, 0, EVEN},
};

/// The shapes of a boundary's cases.
inline std::vector<AttentionShape> attention_boundary(const std::string& dimension, int value) {
  constexpr int LONG = 1024;  // past it, few queries and narrow heads
  if (dimension == "t_max") return {{ShapeSet::kCi, 2, value, value + 7, 2, 64}};
  if (dimension == "s" && value >= LONG - 1) {
    return {{ShapeSet::kCi, 1, 2, value, 1, 8}, {ShapeSet::kCi, 1, 1, value, 1, 8}};
  }
  if (dimension == "batch") return {{ShapeSet::kCi, value, 1, 20, 2, 32}};
  // Prefill and decode have versions of their own.
  if (dimension == "s") {
    return {{ShapeSet::kCi, 2, std::min(value, 3), value, 2, 32},
            {ShapeSet::kCi, 2, 1, value, 2, 32}};
  }
  if (dimension == "head_dim") {
    return {{ShapeSet::kCi, 2, 2, 19, 2, value}, {ShapeSet::kCi, 2, 1, 19, 2, value}};
  }
  return {};
}

/// The dimensions of the shapes.
inline std::vector<Field<AttentionShape>> attention_fields() {
  using Shape = AttentionShape;
  return {field("batch", &Shape::batch, 1, 66),
          field("t_max", &Shape::t_max, 1, 64),
          field("s", &Shape::s, 1, 4500).from("t_max"),
          field("heads", &Shape::heads, 1, 16),
          field("head_dim", &Shape::head_dim, 1, 2064),
          field("spare", &Shape::spare, 0, 64),
          field("lengths", &Shape::lengths, EVEN, MOST_LENGTHS)};
}

/// Slots that query j of sequence b sees: the first so many; 0 for a padding row.
inline int slots_seen(const Ragged& r, std::size_t b, int j) {
  return j < r.q_lens[b] ? static_cast<int>(r.past_lens[b]) + j + 1 : 0;
}

/// Pairs of a query and a slot that it sees, in one head.
inline double pairs_seen(const Ragged& r) {
  double pairs = 0.0;
  for (std::size_t b = 0; b < r.q_lens.size(); ++b) {
    for (int j = 0; j < r.t_max; ++j) pairs += slots_seen(r, b, j);
  }
  return pairs;
}

/// Slots in use, over the batch.
inline double tokens_cached(const Ragged& r) {
  return std::accumulate(r.kv_lens.begin(), r.kv_lens.end(), 0.0);
}

/// Keys or values (B, H, slots, D): normal in the slots in use, NaN in the others.
inline Fill cache_of(const Ragged& r) {
  return [r](HostTensor& t, Random& random) {
    const auto size = [&](std::size_t axis) { return static_cast<std::size_t>(t.shape[axis]); };
    normal()(t, random);
    if (r.kv_lens == std::vector<double>(r.kv_lens.size(), static_cast<double>(size(2)))) return;
    for (std::size_t row = 0; row < t.count() / size(3); ++row) {
      const std::size_t slot = row % size(2);
      const std::size_t b = row / size(2) / size(1);
      if (static_cast<double>(slot) < r.kv_lens[b]) continue;
      for (std::size_t d = 0; d < size(3); ++d) {
        t.set(row * size(3) + d, std::numeric_limits<double>::quiet_NaN());
      }
    }
  };
}

/// mask (B, T_max, S) of the causal_mask op.
inline Fill causal(const Ragged& r, int s) {
  return [r, s](HostTensor& t, Random& random) {
    const auto slots = static_cast<std::size_t>(s);
    const auto t_max = static_cast<std::size_t>(r.t_max);
    draw_elements(t, random, 0, [&](std::size_t i, Random&) {
      const std::size_t row = i / slots;
      const int seen = slots_seen(r, row / t_max, static_cast<int>(row % t_max));
      return static_cast<int>(i % slots) < seen ? 1.0 : 0.0;
    });
  };
}

/// The dimensions and columns of a case.
template <class Builder>
void describe_attention(Builder& c, const AttentionShape& shape) {
  c.dimension("batch", shape.batch).dimension("t_max", shape.t_max).dimension("s", shape.s);
  c.dimension("heads", shape.heads).dimension("head_dim", shape.head_dim);
  c.dimension("spare", shape.spare).dimension("lengths", shape.lengths);
  c.column("batch", shape.batch).column("q_len", shape.t_max).column("kv_len", shape.s);
  c.column("heads", shape.heads).column("head_dim", shape.head_dim);
  c.phase(shape.t_max == 1 ? "decode" : "prefill");
}

}  // namespace assay::suites
