// Runs one version of a case and decides whether it is right: the comparison with the truth, and
// the checks that every run makes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device/launch_log.h"
#include "kernels/device/work.h"
#include "suites/case.h"
#include "suites/check.h"
#include "suites/operand_buffers.h"
#include "suites/resources.h"
#include "suites/spoil.h"

namespace assay::suites {

/// As in reports: PASS, FAIL ...
enum class Status : std::uint8_t { kPass, kFail, kMistrusted, kSkip, kNotRun, kError, kTimeout };
const char* name_of(Status status);

/// What every run of a case is put to, in this order.
enum class Check : std::uint8_t {
  kFault,       // the device reported a fault: a stray access, a divergent barrier, a race ...
  kGuards,      // a run wrote to something outside the outputs: a guard zone, an input
  kComparison,  // the outputs are not the truth's
  kRepeat,      // a second run differs
  kGraph,       // a graph replay differs
  kBatchRow,    // a row alone differs from that row in its batch, or damages something
};
const char* name_of(Check check);

struct Outcome {
  Status status = Status::kNotRun;
  std::string reason;              // of anything but PASS
  std::optional<Check> failed;     // the first check that failed
  std::optional<Verdict> verdict;  // once outputs were compared
  std::optional<bool> bitwise_repeat;
  std::optional<SpoilReport> spoils;          // once the comparison was tried
  std::optional<Work> work = {};              // of the first run, where device code is traced
  std::vector<LaunchedKernel> launched = {};  // by the first run
  std::optional<CompiledWork> compiled = {};  // once add_compiled_work() was called
};

/// What all kernels together have done since reset_work(); none where no kernel was traced.
std::optional<Work> counted_work();

/// Adds what the compiler says of the kernels that the outcome launched: by `resources` (may be
/// null), or a GPU's driver. A kernel of which nothing is said makes the outcome an ERROR.
void add_compiled_work(Outcome& outcome, const ResourceTable* resources);

/// Launches a case on the given operands.
using Launcher = std::function<void(const Case&, const Pointers&, const Stream&)>;

/// A case with its inputs drawn and its truth asked for, once for all versions.
class PreparedCase {
 public:
  PreparedCase(Case c, std::uint64_t seed);

  const Case& description() const { return case_; }
  const std::vector<HostTensor>& inputs() const { return inputs_; }
  /// The same in device memory, uploaded when first asked for.
  const DeviceInputs& device_inputs(const Stream& stream) const;

  /// Whether the comparison can be believed: it has to accept the truth and to refuse spoiled
  /// copies of it. Every spoil there is, but of the shapes of the sweep, which are about to be
  /// timed, only one element off and the last tile never written, and of the largest of them none
  /// (0 shown). Computed when first asked for.
  const SpoilReport& spoils() const;

  /// Runs `version` with every check: outputs poisoned before and fully written, guard zones
  /// intact, inputs unchanged, the comparison, the same bits on a second run and under graph
  /// replay, and a row alone as in its batch where the case promises it. What passes a comparison
  /// that cannot be believed is MISTRUSTED.
  Outcome check(std::size_t version, const Stream& stream) const;
  /// The same with another launch in the place of the version's: a mutant of it.
  Outcome check(std::size_t version, const Launcher& launcher, const Stream& stream) const;
  /// The comparison alone, once: for large shapes that are about to be timed.
  Outcome check_once(std::size_t version, const Stream& stream) const;

 private:
  Verdict compare(const std::vector<HostTensor>& found) const;
  Outcome judge(const std::vector<HostTensor>& found, const std::string& damage) const;
  /// Adds what became of the spoiled outputs, and takes back a PASS that says nothing.
  Outcome weigh(Outcome outcome) const;
  std::string find_batch_variance(std::size_t version, const Launcher& launcher,
                                  const std::vector<HostTensor>& whole, const Stream& stream) const;

  Case case_;
  std::uint64_t seed_;
  std::vector<HostTensor> inputs_;  // one for every operand
  Truth truth_;
  mutable std::optional<DeviceInputs> device_inputs_;
  mutable std::optional<SpoilReport> spoils_;
};

}  // namespace assay::suites
