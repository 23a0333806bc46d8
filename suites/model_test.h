// What the layer and generation levels of verify share: where a test stands, its rows, its
// registration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/llama.h"
#include "suites/check.h"
#include "suites/model_oracle.h"
#include "suites/model_spoils.h"
#include "suites/models.h"
#include "suites/options.h"
#include "suites/report.h"
#include "suites/trace.h"

namespace assay::suites {

/// Everything a model test needs to know where it stands.
struct ModelTestContext {
  const TestModel* model;
  DType dtype;
  std::string kernel_set;
  const Options* options;
  Report* report;
  std::string test_name;  // as GoogleTest has it, for the replay command
  std::shared_ptr<bool> explained = std::make_shared<bool>(false);  // a divergence was found

  RunOptions run_options(int max_batch) const;
  std::string repro_cmd() const;

  /// Adds a row, and a GoogleTest failure unless the verdict passes and no spoiled copy of the
  /// right output did (MISTRUSTED). Returns whether the verdict passes.
  bool record(const std::string& suite, const std::string& op, const std::string& what,
              const Verdict& verdict, const SpoilCount& spoils = {}) const;
  /// The same for a check that has no error to measure: `problem` is "" when it passed.
  bool record(const std::string& suite, const std::string& op, const std::string& what,
              const std::string& problem, const SpoilCount& spoils = {}) const;

  /// After a check has failed: runs the script with taps, prints where it first diverges, and
  /// writes a reproduction folder.
  void explain(const Script& script, const ModelOracle& oracle) const;
  /// After the device has stopped in the middle of a test: runs a forward pass of its kind with
  /// taps, and if that stops as well, or leaves its bounds, tells where and writes the folder.
  void explain_stop() const;
  /// The same for a trace at hand.
  void explain(const Script& script, const Truths& truths, const Trace& trace) const;
};

/// kPlain: the shipped checkpoint, but for the smoke set, and the plain random model.
enum class Models : std::uint8_t { kAll, kPlain };

/// Registers `body` for the shipped checkpoint and the plain random one at every dtype and kernel
/// set, and, unless only plain models are asked for, for those of single features at the first of
/// each.
void register_model_tests(const std::string& suite, const std::string& name, const Options& options,
                          Report& report, const std::vector<DType>& dtypes,
                          const std::vector<std::string>& kernel_sets,
                          void (*body)(const ModelTestContext&), Models models = Models::kAll);

}  // namespace assay::suites
