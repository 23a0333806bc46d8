// Runs one version of a case and decides whether it is right: the comparison with the truth, and
// the checks that every run makes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device/buffer.h"
#include "suites/case.h"
#include "suites/check.h"

namespace assay::suites {

/// As in reports: PASS, FAIL ...
enum class Status : std::uint8_t { kPass, kFail, kMistrusted, kSkip, kNotRun, kError, kTimeout };
const char* name_of(Status status);

struct Outcome {
  Status status = Status::kNotRun;
  std::string reason;              // of anything but PASS
  std::optional<Verdict> verdict;  // once outputs were compared
  std::optional<bool> bitwise_repeat;
};

/// Device memory for a case's operands, with guard zones around each: those of the emulated device
/// itself, or 256 patterned bytes on either side on a GPU.
class OperandBuffers {
 public:
  /// Uploads `inputs`; fills outputs and scratch with `poison`.
  OperandBuffers(const Case& c, const std::vector<HostTensor>& inputs, int poison,
                 const Stream& stream);

  const Pointers& pointers() const { return pointers_; }
  /// Outputs and in-outs, in operand order.
  std::vector<HostTensor> outputs(const Stream& stream) const;
  /// What was written that should not have been, in words, or "".
  std::string find_damage(const std::vector<HostTensor>& inputs, const Stream& stream) const;

 private:
  const Case* case_;
  std::vector<DeviceBuffer<unsigned char>> buffers_;
  Pointers pointers_;
};

/// A case with its inputs drawn and its truth asked for, once for all versions.
class PreparedCase {
 public:
  PreparedCase(Case c, std::uint64_t seed);

  const Case& description() const { return case_; }
  const std::vector<HostTensor>& inputs() const { return inputs_; }

  /// Runs `version` with every check: outputs poisoned before and fully written, guard zones
  /// intact, inputs unchanged, the comparison, the same bits on a second run and under graph
  /// replay, and a row alone as in its batch where the case promises it.
  Outcome check(std::size_t version, const Stream& stream) const;
  /// The comparison alone, once: for large shapes that are about to be timed.
  Outcome check_once(std::size_t version, const Stream& stream) const;

 private:
  enum class How : std::uint8_t { kDirect, kGraph };
  std::vector<HostTensor> run(std::size_t version, int poison, How how, const Stream& stream,
                              std::string* damage) const;
  Outcome judge(const std::vector<HostTensor>& found, const std::string& damage) const;
  std::string find_batch_variance(std::size_t version, const std::vector<HostTensor>& whole,
                                  const Stream& stream) const;

  Case case_;
  std::vector<HostTensor> inputs_;  // one for every operand
  Truth truth_;
};

}  // namespace assay::suites
