#include "suites/kernel_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernels/device/error.h"
#include "kernels/device/poison.h"
#include "kernels/device/properties.h"
#include "suites/oracle.h"

namespace assay::suites {
namespace {

constexpr int POISON = 0xFF;        // NaN in every floating type
constexpr int OTHER_POISON = 0xA5;  // a number: bytes that nobody wrote differ between two runs
// Output elements of a sweep shape past which no spoil is shown: comparing them takes the host as
// long as the kernel's timing.
constexpr std::size_t MOST_TRIED_OF_SWEEP = std::size_t{1} << 22;

// The first output whose bits differ, in words, or "".
std::string find_difference(const std::vector<HostTensor>& a, const std::vector<HostTensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto [x, y] = std::mismatch(a[i].bytes.begin(), a[i].bytes.end(), b[i].bytes.begin());
    if (x == a[i].bytes.end()) continue;
    const auto element = static_cast<std::size_t>(x - a[i].bytes.begin()) / size_of(a[i].dtype);
    return fmt::format("output {} differs at [{}]: {:.9g} and {:.9g}", i, element,
                       a[i].get(element), b[i].get(element));
  }
  return "";
}

// Row `row` of a tensor whose leading axis has rows.
HostTensor slice_row(const HostTensor& tensor, std::int64_t row) {
  std::vector<std::int64_t> shape = tensor.shape;
  const std::size_t row_bytes = tensor.bytes.size() / static_cast<std::size_t>(shape[0]);
  shape[0] = 1;
  HostTensor slice(tensor.dtype, shape);
  const auto start = tensor.bytes.begin() + row * static_cast<std::ptrdiff_t>(row_bytes);
  std::copy(start, start + static_cast<std::ptrdiff_t>(row_bytes), slice.bytes.begin());
  return slice;
}

}  // namespace

const char* name_of(Status status) {
  switch (status) {
    case Status::kPass:
      return "PASS";
    case Status::kFail:
      return "FAIL";
    case Status::kMistrusted:
      return "MISTRUSTED";
    case Status::kSkip:
      return "SKIP";
    case Status::kNotRun:
      return "NOT_RUN";
    case Status::kError:
      return "ERROR";
    case Status::kTimeout:
      return "TIMEOUT";
  }
  return "ERROR";
}

const char* name_of(Check check) {
  switch (check) {
    case Check::kFault:
      return "fault";
    case Check::kGuards:
      return "guards";
    case Check::kComparison:
      return "comparison";
    case Check::kRepeat:
      return "repeat";
    case Check::kGraph:
      return "graph";
    case Check::kBatchRow:
      return "batch_row";
  }
  return "?";
}

namespace {

// A tensor for every operand.
std::vector<HostTensor> draw_inputs(const Case& c, std::uint64_t seed) {
  Random random(seed_for(seed, c.op + "/" + c.id()));
  std::vector<HostTensor> inputs;
  for (const Operand& operand : c.operands) {
    HostTensor tensor(operand.dtype, operand.shape);
    if (is_input(operand)) operand.fill(tensor, random);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// The least error in an output that users of the op would notice.
Least least_of(const Case& c, const Truth::Output& output, const HostTensor& correct) {
  if (c.comparison == Comparison::kExact) return {};
  const Least of_values = least_noticed(correct, c.noticeable.value_or(noticeable(correct.dtype)));
  // What cancels is as exact as the sums that it comes from, which are kept in fp32.
  const double of_sums = noticeable(DType::kF32);
  return {std::max(of_values.of_one, of_sums * output.summed_max),
          std::max(of_values.of_all, of_sums * output.summed_rms)};
}

}  // namespace

PreparedCase::PreparedCase(Case c, std::uint64_t seed)
    : case_(std::move(c)),
      seed_(seed),
      inputs_(draw_inputs(case_, seed)),
      truth_(ask_oracle(case_, inputs_)) {}

const DeviceInputs& PreparedCase::device_inputs(const Stream& stream) const {
  if (!device_inputs_) device_inputs_.emplace(case_, inputs_, stream);
  return *device_inputs_;
}

const SpoilReport& PreparedCase::spoils() const {
  if (spoils_) return *spoils_;
  const bool few = case_.set == ShapeSet::kSweep;
  std::size_t elements = 0;
  for (const Truth::Output& output : truth_.outputs) elements += output.exact.size();
  if (few && elements > MOST_TRIED_OF_SWEEP) return spoils_.emplace();
  std::vector<HostTensor> correct = round_truth(case_, truth_);
  std::vector<Least> least;
  for (std::size_t i = 0; i < correct.size(); ++i) {
    least.push_back(least_of(case_, truth_.outputs[i], correct[i]));
  }
  SpoilTrial trial(std::move(correct), least,
                   [this](const std::vector<HostTensor>& found) { return compare(found); });
  trial.show_general(few);
  if (!few) {
    for (std::size_t i = 0; i < case_.operands.size(); ++i) {
      const Operand& operand = case_.operands[i];
      if (is_input(operand)) trial.show_copied("copy_of_" + operand.name, inputs_[i]);
    }
    const std::vector<HostTensor> others = draw_inputs(case_, seed_ + 1);
    trial.show("stale", ask_outputs(case_, others));
    visit_mistakes(case_, inputs_,
                   [&](const std::string& name, const std::vector<HostTensor>& outputs) {
                     trial.show(name, outputs);
                   });
  }
  return spoils_.emplace(trial.report());
}

namespace {

struct Ran {
  std::vector<HostTensor> outputs;
  std::string damage;  // as OperandBuffers has it
};

enum class How : std::uint8_t { kDirect, kGraph };

Ran run(const Case& c, const DeviceInputs& inputs, const Launcher& launcher, int poison, How how,
        const Stream& stream) {
  const OperandBuffers buffers(c, inputs, poison, stream);
  const auto launch = [&] { launcher(c, buffers.pointers(), stream); };
  poison_shared_memory(stream);
  if (how == How::kGraph) {
    const Graph graph(stream, launch);
    graph.replay(stream);
    stream.synchronize();
  } else {
    launch();
    stream.synchronize();
  }
  return {buffers.outputs(stream), buffers.find_damage(stream)};
}

}  // namespace

Verdict PreparedCase::compare(const std::vector<HostTensor>& found) const {
  return case_.comparison == Comparison::kExact ? compare_exact(found, truth_)
                                                : compare_three_way(found, truth_, case_.reduction);
}

Outcome PreparedCase::judge(const std::vector<HostTensor>& found, const std::string& damage) const {
  Outcome outcome;
  outcome.verdict = compare(found);
  outcome.status = Status::kPass;
  if (!outcome.verdict->pass) {
    outcome.status = Status::kFail;
    outcome.failed = Check::kComparison;
    outcome.reason = outcome.verdict->describe();
  }
  if (!damage.empty()) {
    outcome.status = Status::kFail;
    outcome.failed = Check::kGuards;
    outcome.reason = damage + (outcome.reason.empty() ? "" : "\n" + outcome.reason);
  }
  return outcome;
}

Outcome PreparedCase::weigh(Outcome outcome) const {
  outcome.spoils = spoils();
  if (outcome.spoils->trusted()) return outcome;
  if (outcome.status == Status::kPass) outcome.status = Status::kMistrusted;
  outcome.reason += (outcome.reason.empty() ? "" : "\n") + outcome.spoils->accepted;
  return outcome;
}

namespace {

Launcher launcher_of(std::size_t version) {
  return [version](const Case& c, const Pointers& pointers, const Stream& stream) {
    c.launch(version, pointers, stream);
  };
}

Outcome skipped(const std::string& reason) {
  Outcome outcome;
  outcome.status = Status::kSkip;
  outcome.reason = reason;
  return outcome;
}

Outcome fault(const std::exception& error) {
  Outcome outcome;
  outcome.status = Status::kError;
  outcome.failed = Check::kFault;
  outcome.reason = error.what();
  return outcome;
}

}  // namespace

std::optional<Work> counted_work() {
  std::optional<Work> total;
  for (const auto& [kernel, work] : work_by_kernel()) {
    if (!total) total.emplace();
    *total += work;
  }
  return total;
}

void add_compiled_work(Outcome& outcome, const ResourceTable* resources) {
  try {
    outcome.compiled = compiled_work(outcome.launched, resources);
  } catch (const Error& error) {
    outcome.status = Status::kError;
    outcome.reason += (outcome.reason.empty() ? "" : "\n") + std::string(error.what());
  }
}

Outcome PreparedCase::check_once(std::size_t version, const Stream& stream) const {
  try {
    const std::string reason = case_.unsupported(version);
    if (!reason.empty()) return skipped(reason);
    spoils();  // before the kernel has its say
    const LaunchLog log;
    const Ran ran =
        run(case_, device_inputs(stream), launcher_of(version), POISON, How::kDirect, stream);
    Outcome outcome = judge(ran.outputs, ran.damage);
    outcome.launched = log.kernels();
    return weigh(std::move(outcome));
  } catch (const std::exception& error) {
    return fault(error);
  }
}

Outcome PreparedCase::check(std::size_t version, const Stream& stream) const {
  return check(version, launcher_of(version), stream);
}

Outcome PreparedCase::check(std::size_t version, const Launcher& launcher,
                            const Stream& stream) const {
  try {
    const std::string reason = case_.unsupported(version);
    if (!reason.empty()) return skipped(reason);

    spoils();  // before the kernel has its say
    const DeviceInputs& inputs = device_inputs(stream);
    reset_work();
    std::optional<LaunchLog> log(std::in_place);
    const Ran first = run(case_, inputs, launcher, POISON, How::kDirect, stream);
    Outcome outcome = judge(first.outputs, first.damage);
    outcome.work = counted_work();
    outcome.launched = log->kernels();
    log.reset();
    const auto fail = [&](Check check, const std::string& why) {
      outcome.status = Status::kFail;
      if (!outcome.failed) outcome.failed = check;
      outcome.reason += (outcome.reason.empty() ? "" : "\n") + why;
    };

    // Another run has to give the same bits, or, where the op does not promise them, to be right.
    // What the first has damaged as well is told once.
    const auto hold_against_first = [&](const Ran& again, Check check, const std::string& how) {
      if (!again.damage.empty() && again.damage != first.damage)
        fail(Check::kGuards, how + ": " + again.damage);
      const std::string difference = find_difference(first.outputs, again.outputs);
      if (difference.empty()) return true;
      if (case_.repeatable) {
        fail(check, how + " is not the first: " + difference);
      } else if (const Verdict verdict = compare(again.outputs); !verdict.pass) {
        fail(check, how + " fails: " + verdict.describe());
      }
      return false;
    };
    outcome.bitwise_repeat =
        hold_against_first(run(case_, inputs, launcher, OTHER_POISON, How::kDirect, stream),
                           Check::kRepeat, "a second run");
    hold_against_first(run(case_, inputs, launcher, POISON, How::kGraph, stream), Check::kGraph,
                       "a graph replay");

    if (case_.one_row) {
      const std::string variance = find_batch_variance(version, launcher, first.outputs, stream);
      if (!variance.empty()) fail(Check::kBatchRow, variance);
    }
    return weigh(std::move(outcome));
  } catch (const std::exception& error) {
    return fault(error);
  }
}

std::string PreparedCase::find_batch_variance(std::size_t version, const Launcher& launcher,
                                              const std::vector<HostTensor>& whole,
                                              const Stream& stream) const {
  const Case one = case_.one_row();
  if (!one.unsupported(version).empty()) return "";
  std::int64_t rows = 1;
  for (const Operand& operand : case_.operands) {
    if (operand.per_row) rows = operand.shape[0];
  }
  for (const std::int64_t row : std::set<std::int64_t>{0, rows / 2, rows - 1}) {
    std::vector<HostTensor> inputs;
    std::vector<HostTensor> expected;
    std::size_t output = 0;
    for (std::size_t i = 0; i < case_.operands.size(); ++i) {
      const Operand& operand = case_.operands[i];
      inputs.push_back(operand.per_row ? slice_row(inputs_[i], row) : inputs_[i]);
      if (is_output(operand)) {
        expected.push_back(operand.per_row ? slice_row(whole[output], row) : whole[output]);
        ++output;
      }
    }
    const DeviceInputs of_row(one, inputs, stream);
    const Ran alone = run(one, of_row, launcher, POISON, How::kDirect, stream);
    if (!alone.damage.empty())
      return fmt::format("row {} of {} alone: {}", row, rows, alone.damage);
    const std::string difference = find_difference(expected, alone.outputs);
    if (!difference.empty()) {
      return fmt::format("row {} of {} alone is not that row in the batch: {}", row, rows,
                         difference);
    }
  }
  return "";
}

}  // namespace assay::suites
