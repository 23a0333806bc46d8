// LibTorch's best way of each op gives what the reference gives: else the times beside ours would
// be those of something else.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "suites/cases/cases.h"
#include "suites/input_sets.h"
#include "suites/kernel_run.h"
#include "suites/peer_run.h"
#include "suites/torch_bridge.h"

namespace assay::suites {
namespace {

// Root mean square of the difference, relative to that of `expected`; NaN anywhere is infinite.
double relative_error(const at::Tensor& found, const at::Tensor& expected) {
  const std::vector<double> a = to_doubles(found);
  const std::vector<double> b = to_doubles(expected);
  if (a.size() != b.size()) return INFINITY;
  double error = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i])) continue;  // slots that nobody may read: the caches keep them
    error += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  if (!(error >= 0.0)) return INFINITY;
  return size > 0.0 ? std::sqrt(error / size) : std::sqrt(error);
}

Tensors operands_of(const Case& c, const PreparedCase& prepared, bool exact) {
  Tensors operands;
  for (const HostTensor& input : prepared.inputs()) {
    const at::Tensor tensor = to_torch(input);
    const bool wide = exact && c.comparison == Comparison::kThreeWay && tensor.is_floating_point();
    operands.push_back(wide ? tensor.to(at::kDouble) : tensor);
  }
  return operands;
}

// In-outs may be written to, so each gets operands of its own.
double worst_error(const Case& c, const PreparedCase& prepared, bool exact) {
  const Tensors expected = c.reference(operands_of(c, prepared, exact));
  const std::function<Tensors()> work = c.peer(operands_of(c, prepared, exact));
  Tensors found = work();
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, relative_error(found[i], expected[i]));
  }
  return worst;
}

TEST(Peer, OfEveryOpGivesWhatTheReferenceGives) {
  std::set<std::string> ops;
  for (const Case& c : all_cases(ShapeSet::kSmoke)) {
    SCOPED_TRACE(c.op + "/" + c.id());
    ASSERT_TRUE(c.peer);
    ops.insert(c.op);
    const PreparedCase prepared(c, 1);
    // Exact ops give the very values at their own types; the others the same but for the order of
    // additions in float64, where fp32 sines and the like are as the reference's.
    EXPECT_LE(worst_error(c, prepared, true), c.comparison == Comparison::kExact ? 0.0 : 1e-6);
    if (c.comparison == Comparison::kExact) continue;
    EXPECT_LE(worst_error(c, prepared, false), 0.05);
  }
  EXPECT_EQ(ops.size(), all_ops().size());
}

TEST(Peer, TheComparisonAboveNoticesAMistake) {
  for (const Case& c : all_cases(ShapeSet::kSmoke)) {
    const PreparedCase prepared(c, 1);
    const Tensors operands = operands_of(c, prepared, true);
    Case wrong = c;
    wrong.peer = [&](const Tensors& t) {
      return [&, t] {
        Tensors outputs = c.reference(t);
        outputs[0] = outputs[0].to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
        at::Tensor first = outputs[0].flatten()[0];
        first.fill_(std::isnan(first.item<double>()) ? 0.0 : 2.0 * first.item<double>() + 1.0);
        return outputs;
      };
    };
    if (std::isnan(c.reference(operands)[0].flatten()[0].item<double>())) continue;
    EXPECT_GT(worst_error(wrong, prepared, true), 1e-6) << c.op << "/" << c.id();
  }
}

TEST(Peer, RunsOnTheOperandsOfTheKernels) {
  const Stream stream;
  for (Case& c : all_cases(ShapeSet::kSmoke)) {
    if (c.op != "rms_norm" && c.op != "rope") continue;
    const PreparedCase prepared(c, 1);
    const InputSets sets(c, prepared.device_inputs(stream), 3, stream);
    std::vector<void*> seen;
    const Peer right = c.peer;
    int calls = 0;
    c.peer = [&](const Tensors& t) -> std::function<Tensors()> {
      for (std::size_t i = 0; i < t.size(); ++i) EXPECT_EQ(t[i].sizes(), c.operands[i].shape);
      seen.push_back(t[0].data_ptr());
      const std::function<Tensors()> work = right(t);
      return [work, &calls] {
        ++calls;
        return work();
      };
    };
    PeerRun run(c, sets.pointers(), stream);
    EXPECT_EQ(seen, (std::vector<void*>{sets.pointers()[0][0], sets.pointers()[1][0],
                                        sets.pointers()[2][0]}));
    run.record(2);
    calls = 0;
    run.replay();
    stream.synchronize();
    // A graph calls nothing when it is replayed.
    EXPECT_EQ(calls, properties().kind == DeviceKind::kCuda ? 0 : 6);
  }
}

TEST(Peer, SaysWhatLibTorchSays) {
  const Stream stream;
  Case c = all_cases(ShapeSet::kSmoke)[0];
  const PreparedCase prepared(c, 1);
  const InputSets sets(c, prepared.device_inputs(stream), 1, stream);
  c.peer = [](const Tensors&) { return [] { return Tensors{at::ones({2}) + at::ones({3})}; }; };
  try {
    const PeerRun run(c, sets.pointers(), stream);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(c.op + " in LibTorch: The size of tensor"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace assay::suites
