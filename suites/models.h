// The models that layers and generations are verified on: the shipped checkpoint, and a small
// random one for each feature of the config.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reference/golden.h"
#include "suites/case.h"

namespace assay::suites {

struct TestModel {
  std::string name;              // "stories", or the feature
  std::filesystem::path folder;  // a checkpoint
  reference::GoldenCase golden;  // what Transformers answered
  /// Token ids of stories that the shipped checkpoint was not trained on; none for a random model.
  /// Throws Error where their file is damaged.
  std::vector<std::vector<int>> held_out() const;
};

/// smoke: the shipped checkpoint and one random one; otherwise all. Random ones are written to a
/// temporary folder on first use and removed when the process ends.
const std::vector<TestModel>& test_models(ShapeSet set);

}  // namespace assay::suites
