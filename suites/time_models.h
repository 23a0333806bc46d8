// Times whole steps of a model, or one block of it, with several kernel sets and with LibTorch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reports/row.h"
#include "suites/model_oracle.h"
#include "suites/model_store.h"

namespace assay::suites {

/// A kernel set at a point, and its row so far.
struct ModelRow {
  ModelShape shape;  // all of one call differ in their kernel set alone
  reports::Row* row = nullptr;
  std::vector<double> samples_us;  // filled in
};

/// Checks each row's step, and times those that pass in turn, in an order drawn from `seed`, with
/// LibTorch's as one more: `block` of the first layer as a graph, or, without one, the step as its
/// caller sees it, until the tokens are on the host. A layer of 7B is larger than any cache, so its
/// weights are read anew by each replay. Fills in status, times, tokens per second, launches,
/// allocations, memory, LibTorch's time and the GPU's conditions; where device code is traced, also
/// what one execution asked of memory. LibTorch's step has to give the right logits, or its columns
/// stay empty, with a word on stderr.
void time_models(ModelStore& store, const std::optional<Block>& block, std::vector<ModelRow>& rows,
                 std::uint64_t seed);

}  // namespace assay::suites
