// Two passes held against each other, and passes that stop.
#include "suites/layers.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/device/error.h"
#include "suites/divergence.h"
#include "suites/model_checks.h"
#include "suites/models.h"

namespace assay::suites {
namespace {

const TestModel& gqa() {
  for (const TestModel& model : test_models(ShapeSet::kSmoke)) {
    if (model.name == "gqa") return model;
  }
  throw Error("there is no model gqa");
}

class TwoPasses : public testing::Test {
 protected:
  static constexpr const char* TAP = "layer.1.attention.rope";

  Trace traced(double factor, const char* tap = TAP) const {
    return run_trace(script_, checkpoint_, truths_, [=](const Tap& at, const Stream& stream) {
      if (at.name != tap || factor == 1.0) return;
      HostTensor whole = download(at.data, at.dtype, {at.shape.begin(), at.shape.end()}, stream);
      for (std::size_t i = 0; i < whole.count(); ++i) whole.set(i, whole.get(i) * factor);
      copy_to_device(at.data, whole.bytes.data(), whole.bytes.size(), stream);
      stream.synchronize();
    });
  }

  const ModelOracle oracle_{gqa().folder, DType::kF32};
  const Checkpoint checkpoint_{gqa().folder};
  const Script script_ = script_over({}, 2, oracle_.vocab(), oracle_.context(), 1);
  const Truths truths_ = ask(oracle_, script_);
};

TEST_F(TwoPasses, CulpritIsWhatOnlyOneOfThemHas) {
  const Trace sound = traced(1.0);
  const Trace broken = traced(1.1);
  ASSERT_EQ(sound.first(), nullptr) << describe_divergence(sound);
  EXPECT_FALSE(find_culprit(sound, nullptr));
  EXPECT_FALSE(find_culprit(sound, &broken));
  for (const Trace* from : {static_cast<const Trace*>(nullptr), &sound}) {
    const auto culprit = find_culprit(broken, from);
    ASSERT_TRUE(culprit);
    EXPECT_TRUE(culprit->local);
    EXPECT_EQ(broken.taps[culprit->tap].name, TAP);
    EXPECT_EQ(broken.taps[culprit->tap].step, 0U);
  }
  EXPECT_EQ(describe_no_culprit(nullptr), "every tap is within its bounds");
  EXPECT_EQ(describe_no_culprit(&sound), "every tap is within its bounds");
  EXPECT_NE(
      describe_no_culprit(&broken).find(
          std::string("on the side 'to' alone; the side 'from' fails, first divergence: ") + TAP),
      std::string::npos)
      << describe_no_culprit(&broken);
  // What both have is no difference; what comes earlier on one side is.
  EXPECT_FALSE(find_culprit(broken, &broken));
  const auto earlier = find_culprit(traced(1.1, "layer.0.attention.qkv"), &broken);
  ASSERT_TRUE(earlier);
  EXPECT_EQ(broken.taps[earlier->tap].name, "layer.0.attention.qkv");
}

TEST_F(TwoPasses, APassThatStopsSaysWhereAndKeepsWhatItSaw) {
  int told = 0;
  const Trace trace = run_trace(
      script_, checkpoint_, truths_,
      [](const Tap& tap, const Stream&) {
        if (tap.name == TAP) throw Error("planted fault");
      },
      [&](const Trace& so_far) {
        ++told;
        EXPECT_TRUE(so_far.stopped);
      });
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(trace.stopped);
  EXPECT_NE(trace.problem.find("stops in step 0, at tap layer.1.attention.rope, made by rope"),
            std::string::npos)
      << trace.problem;
  EXPECT_NE(trace.problem.find("planted fault"), std::string::npos);
  ASSERT_FALSE(trace.taps.empty());
  EXPECT_EQ(trace.taps.back().name, "layer.1.attention.qkv");
  // Errors that were never measured are not called out of bound.
  EXPECT_EQ(trace.first(), nullptr);
  EXPECT_NE(describe_divergence(trace).find("planted fault"), std::string::npos);
}

TEST(ScriptOver, RefusesWhatDoesNotFit) {
  EXPECT_THROW(script_over({{1, 2, 3}}, 30, 100, 32, 1), InputError);
  const int most = std::numeric_limits<int>::max();  // and no room is made for these
  EXPECT_THROW(script_over({{1, 2, 3}}, most, 100, 32, 1), InputError);
  const Script script = script_over({{1, 2, 3}, {4}}, 2, 100, 32, 1);
  EXPECT_EQ(script.max_batch, 2);
  EXPECT_EQ(script.steps.size(), 3U);
}

}  // namespace
}  // namespace assay::suites
