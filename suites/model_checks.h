// What the layer and generation levels share: engine tensors on the host, answers as truths, rows.
#pragma once

#include <string>
#include <vector>

#include "engine/llama.h"
#include "suites/check.h"
#include "suites/model_oracle.h"
#include "suites/models.h"
#include "suites/options.h"
#include "suites/report.h"

namespace assay::suites {

/// `count` elements of `dtype` at `device`, copied after the stream's work.
HostTensor download(const void* device, DType dtype, std::vector<std::int64_t> shape,
                    const Stream& stream);

/// The three-way comparison of one tensor.
Verdict judge(const std::string& name, const HostTensor& found, const Answer& answer,
              int longest_sum);

/// Answers one below the other along the leading axis: a packed batch of single sequences.
Answer concatenate(const std::vector<Answer>& parts);

/// Ragged prompts of random tokens, a single token and a longest among them, that fit `context`.
std::vector<std::vector<int>> ragged_prompts(int vocab, int context, std::uint64_t seed);

/// Everything a model test needs to know where it stands.
struct ModelTestContext {
  const TestModel* model;
  DType dtype;
  std::string kernel_set;
  const Options* options;
  Report* report;
  std::string test_name;  // as GoogleTest has it, for the replay command

  RunOptions run_options(int max_batch) const;
  /// Adds a row, and a GoogleTest failure unless the verdict passes.
  void record(const std::string& suite, const std::string& op, const std::string& what,
              const Verdict& verdict) const;
  /// The same for a check that has no error to measure: `problem` is "" when it passed.
  void record(const std::string& suite, const std::string& op, const std::string& what,
              const std::string& problem) const;
};

/// Registers `body` for the shipped checkpoint and the plain random one at every dtype and kernel
/// set, and for the models of single features at the first of each.
void register_model_tests(const std::string& suite, const std::string& name, const Options& options,
                          Report& report, const std::vector<DType>& dtypes,
                          const std::vector<std::string>& kernel_sets,
                          void (*body)(const ModelTestContext&));

}  // namespace assay::suites
