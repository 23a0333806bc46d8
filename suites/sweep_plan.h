// What a sweep is to measure: presets, the cases of a grid of work points, and their order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device/properties.h"
#include "suites/resources.h"
#include "suites/sweeps.h"

namespace assay::suites {

/// Work points of one model, at some dtypes.
struct GridPart {
  std::string model;
  std::vector<std::string> ops;  // kernels: of these alone; empty: of all
  std::vector<DType> dtypes;
  std::vector<WorkPoint> points;
};

struct SweepPlan {
  std::optional<ShapeSet> tables;       // the shapes of the case tables
  std::vector<DType> table_dtypes;      // of those
  std::vector<std::string> case_names;  // these cases alone, as reports name them
  std::vector<GridPart> kernels;
  std::vector<GridPart> models;
  std::vector<std::string> ops;          // kernels of these alone; empty: of all
  std::vector<std::string> kernel_sets;  // of models
  std::uint64_t seed = 1;
  std::shared_ptr<const ResourceTable> resources;  // of kernels; null: the device's own word
};

/// Every phase x batch x sequence length.
std::vector<WorkPoint> grid(const std::vector<Phase>& phases, const std::vector<int>& batches,
                            const std::vector<int>& seqs);

/// "smoke", "ci" and "sweep" are the case tables' shapes of that name, with a few steps of a model;
/// "full" is a grid of Llama-2-7B's work: batches of 1 to 64, sequences of 128 to 8192, every
/// version and dtype. Throws InputError for another name.
SweepPlan preset_plan(const std::string& set, DeviceKind device);

struct PlannedSweep {
  std::vector<SweepCase> cases;
  std::vector<std::string> notes;  // what was asked for and is no case, each with its reason
};
/// All cases of the plan, each once. A problem that no case can be made of, or that is too large,
/// is a case with its reason to skip.
PlannedSweep assemble(const SweepPlan& plan);

/// Puts the cases into an order drawn from the seed, but for those that share what is dear to set
/// up: they stay together.
void shuffle(std::vector<SweepCase>& cases, std::uint64_t seed);

}  // namespace assay::suites
