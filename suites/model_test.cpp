#include "suites/model_test.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernels/device/error.h"
#include "suites/divergence.h"
#include "suites/kernel_run.h"
#include "suites/repro.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

class ModelTest : public testing::Test {
 public:
  ModelTest(ModelTestContext context, void (*body)(const ModelTestContext&))
      : context_(std::move(context)), body_(body) {}
  void TestBody() override {
    *context_.explained = false;
    try {
      body_(context_);
    } catch (const InputError&) {
      throw;
    } catch (const std::exception&) {
      context_.explain_stop();
      throw;
    }
  }

 private:
  ModelTestContext context_;
  void (*body_)(const ModelTestContext&);
};

reports::Row model_row(const ModelTestContext& context, const std::string& suite,
                       const std::string& op, const std::string& what) {
  reports::Row row = common_row(suite, context.options->seed);
  row.set("case_id", fmt::format("{}/{}/{}", context.model->name, name_of(context.dtype), what));
  row.set("op", op).set("kernel_set", context.kernel_set);
  row.set("dtype", name_of(context.dtype)).set("accumulate", "fp32");
  row.set("repro_cmd", context.repro_cmd());
  return row;
}

// Adds the row with the status that `problem` and `spoils` make, and fails the test unless it is
// PASS.
void add_row(const ModelTestContext& context, reports::Row row, const std::string& what,
             const std::string& problem, const SpoilCount& spoils) {
  Status status = Status::kPass;
  std::string reason = problem;
  if (!problem.empty()) {
    status = Status::kFail;
  } else if (!spoils.survivor.empty()) {
    status = Status::kMistrusted;
    reason = "the comparison accepts a wrong output: " + spoils.survivor;
  }
  row.set("status", std::string_view(name_of(status)));
  if (!reason.empty()) row.set("reason", reason);
  if (spoils.total > 0) {
    row.set("mutants_killed", spoils.killed).set("mutants_total", spoils.total);
  }
  context.report->add(row);
  if (status != Status::kPass) {
    ADD_FAILURE() << what << ": " << (status == Status::kMistrusted ? "MISTRUSTED: " : "") << reason
                  << "\n  replay: " << row.text("repro_cmd");
  }
}

}  // namespace

RunOptions ModelTestContext::run_options(int max_batch) const {
  RunOptions run;
  run.dtype = dtype;
  run.max_batch = max_batch;
  run.kernels = KernelSet::parse(kernel_set);
  return run;
}

std::string ModelTestContext::repro_cmd() const {
  const std::string pins =
      options->kernels.empty() ? "" : fmt::format(" --kernels {}", options->kernels);
  return fmt::format("verify --set {} --seed {}{} --gtest_filter='{}'", name_of(options->set),
                     options->seed, pins, test_name);
}

bool ModelTestContext::record(const std::string& suite, const std::string& op,
                              const std::string& what, const Verdict& verdict,
                              const SpoilCount& spoils) const {
  reports::Row row = model_row(*this, suite, op, what);
  describe_verdict(row, verdict);
  add_row(*this, std::move(row), what, verdict.pass ? "" : verdict.describe(), spoils);
  return verdict.pass;
}

bool ModelTestContext::record(const std::string& suite, const std::string& op,
                              const std::string& what, const std::string& problem,
                              const SpoilCount& spoils) const {
  add_row(*this, model_row(*this, suite, op, what), what, problem, spoils);
  return problem.empty();
}

void ModelTestContext::explain(const Script& script, const ModelOracle& oracle) const {
  if (*explained) return;
  const Truths truths = ask(oracle, script);
  explain(script, truths, run_trace(script, Checkpoint(model->folder), truths));
}

void ModelTestContext::explain_stop() const {
  if (*explained) return;
  const ModelOracle oracle(model->folder, dtype);
  Script script = script_over({}, /*decode=*/2, oracle.vocab(), oracle.context(), options->seed);
  script.dtype = dtype;
  script.kernels = kernel_set;
  const Truths truths = ask(oracle, script);
  const Trace trace = run_trace(script, Checkpoint(model->folder), truths);
  if (trace.first() != nullptr || !trace.problem.empty()) explain(script, truths, trace);
}

void ModelTestContext::explain(const Script& script, const Truths& truths,
                               const Trace& trace) const {
  *explained = trace.first() != nullptr || trace.stopped;
  const Origin origin{test_name, repro_cmd(), options->seed, model->name, model->folder};
  std::string reproduction;
  try {
    reproduction = "verify --replay " +
                   write_reproduction(options->repro, origin, script, truths, trace).string();
  } catch (const std::exception& error) {
    reproduction = error.what();
  }
  ADD_FAILURE() << describe_divergence(trace) << "  reproduction: " << reproduction;
}

void register_model_tests(const std::string& suite, const std::string& name, const Options& options,
                          Report& report, const std::vector<DType>& dtypes,
                          const std::vector<std::string>& kernel_sets,
                          void (*body)(const ModelTestContext&), Models models) {
  for (const TestModel& model : test_models(options.set)) {
    const bool plain = model.name == "stories" || model.name == "gqa";
    const bool large_in_smoke = options.set == ShapeSet::kSmoke && model.name == "stories";
    if (models == Models::kPlain && (!plain || large_in_smoke)) continue;
    for (const DType dtype : dtypes) {
      for (const std::string& set : kernel_sets) {
        if (!plain && (dtype != dtypes.front() || set != kernel_sets.front())) continue;
        const std::string test = fmt::format("{}/{}/{}/{}", name, model.name, name_of(dtype), set);
        const std::string kernels = with_pins(set, options.kernels);
        const ModelTestContext context{&model,   dtype,   kernels,
                                       &options, &report, suite + "." + test};
        testing::RegisterTest(suite.c_str(), test.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                              [=]() -> testing::Test* { return new ModelTest(context, body); });
      }
    }
  }
}

}  // namespace assay::suites
