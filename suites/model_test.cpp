#include "suites/model_test.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "suites/kernel_run.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

class ModelTest : public testing::Test {
 public:
  ModelTest(ModelTestContext context, void (*body)(const ModelTestContext&))
      : context_(std::move(context)), body_(body) {}
  void TestBody() override { body_(context_); }

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
  row.set("repro_cmd",
          fmt::format("verify --set {} --seed {} --gtest_filter='{}'",
                      name_of(context.options->set), context.options->seed, context.test_name));
  return row;
}

}  // namespace

RunOptions ModelTestContext::run_options(int max_batch) const {
  RunOptions run;
  run.dtype = dtype;
  run.max_batch = max_batch;
  run.kernels = KernelSet::parse(kernel_set);
  return run;
}

void ModelTestContext::record(const std::string& suite, const std::string& op,
                              const std::string& what, const Verdict& verdict) const {
  reports::Row row = model_row(*this, suite, op, what);
  row.set("status", std::string_view(name_of(verdict.pass ? Status::kPass : Status::kFail)));
  describe_verdict(row, verdict);
  if (!verdict.pass) row.set("reason", verdict.describe());
  report->add(row);
  if (!verdict.pass) {
    ADD_FAILURE() << what << ": " << verdict.describe() << "\n  replay: " << row.text("repro_cmd");
  }
}

void ModelTestContext::record(const std::string& suite, const std::string& op,
                              const std::string& what, const std::string& problem) const {
  reports::Row row = model_row(*this, suite, op, what);
  row.set("status", std::string_view(name_of(problem.empty() ? Status::kPass : Status::kFail)));
  if (!problem.empty()) row.set("reason", problem);
  report->add(row);
  if (!problem.empty()) {
    ADD_FAILURE() << what << ": " << problem << "\n  replay: " << row.text("repro_cmd");
  }
}

void register_model_tests(const std::string& suite, const std::string& name, const Options& options,
                          Report& report, const std::vector<DType>& dtypes,
                          const std::vector<std::string>& kernel_sets,
                          void (*body)(const ModelTestContext&)) {
  for (const TestModel& model : test_models(options.set)) {
    const bool plain = model.name == "stories" || model.name == "gqa";
    for (const DType dtype : dtypes) {
      for (const std::string& set : kernel_sets) {
        if (!plain && (dtype != dtypes.front() || set != kernel_sets.front())) continue;
        const std::string test = fmt::format("{}/{}/{}/{}", name, model.name, name_of(dtype), set);
        const ModelTestContext context{&model, dtype, set, &options, &report, suite + "." + test};
        testing::RegisterTest(suite.c_str(), test.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                              [=]() -> testing::Test* { return new ModelTest(context, body); });
      }
    }
  }
}

}  // namespace assay::suites
