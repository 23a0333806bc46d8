// A case: one op at one shape and dtype, with everything that verify and sweep need to know of it.
// Case files build them; nothing outside suites/cases/ knows an op.
#pragma once

#include <any>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/op.h"
#include "suites/host_tensor.h"

namespace at {
class Tensor;
}

namespace assay::suites {

/// smoke: seconds, one shape of each path. ci: every path and boundary. sweep: the shapes of real
/// models, timed; too large for the emulated device.
enum class ShapeSet : std::uint8_t { kSmoke, kCi, kSweep };

enum class Role : std::uint8_t { kInput, kOutput, kInOut, kScratch };

/// An argument that points to device memory.
struct Operand {
  std::string name;
  Role role;
  DType dtype;
  std::vector<std::int64_t> shape;
  Fill fill;             // of inputs and in-outs
  bool per_row = false;  // the leading axis is the one along which rows are independent
};

/// Whether a launch writes it for its caller, and whether it reads it: an in-out is both.
inline bool is_output(const Operand& operand) {
  return operand.role == Role::kOutput || operand.role == Role::kInOut;
}
inline bool is_input(const Operand& operand) {
  return operand.role == Role::kInput || operand.role == Role::kInOut;
}

/// Names an operand of a case; indexes its device pointers and its tensors.
using OperandId = std::size_t;
using Pointers = std::vector<void*>;
using Tensors = std::vector<at::Tensor>;

enum class Comparison : std::uint8_t {
  kThreeWay,  // err(kernel, fp64) <= 2 err(LibTorch at this dtype, fp64) + floor
  kExact,     // the same bits
};

/// What an op would give that makes one mistake: outputs and in-outs, in operand order, computed
/// from operands as `reference` takes them, in float64, which it leaves as they are.
struct Mistake {
  std::string name;
  std::function<Tensors(const Tensors& operands)> outputs;
};

/// LibTorch's best way of doing a case's work, with which its kernels' times are compared: what a
/// program on LibTorch would call, where `Case::reference` is written to be read. Called once for
/// each input set, with the operands at their own types; there it may compute what such a program
/// has at hand beforehand. The function that it returns does the work and gives outputs and
/// in-outs, in operand order. It is recorded as a CUDA graph: it must not wait for the GPU, and may
/// write to in-outs.
using Peer = std::function<std::function<Tensors()>(const Tensors& operands)>;

struct Case {
  std::string op;
  std::string shape_id;  // "rows=3,width=128"
  DType dtype;
  ShapeSet set;
  std::vector<std::pair<std::string, std::int64_t>> dimensions;  // as in the op's Args
  std::vector<std::pair<std::string, std::int64_t>> columns;     // for the report: batch, m, ...
  std::string phase = "-";                                       // prefill, decode or -
  std::vector<Operand> operands;
  Comparison comparison = Comparison::kThreeWay;
  std::int64_t reduction = 1;  // length of the longest sum in one output element
  double bytes = 0.0;          // the fewest that the op must move
  double flops = 0.0;
  bool repeatable = true;  // the same bits on every run

  std::vector<std::string> versions;                            // best first
  std::vector<std::vector<Boundary>> boundaries;                // of each version
  std::function<std::string(std::size_t version)> unsupported;  // "" or the reason
  std::function<void(std::size_t version, const Pointers&, const Stream&)> launch;
  /// Launches what is in the table of no version: `function` holds a `void (*)(const Args&, const
  /// Stream&)` of this op. Throws std::bad_any_cast for another op's.
  std::function<void(const std::any& function, const Pointers&, const Stream&)> launch_other;
  /// Outputs and in-outs, in operand order, computed at the dtype of the tensors given.
  std::function<Tensors(const Tensors& operands)> reference;
  /// Of sums whose terms may cancel: the sum of each output's squared terms, whose root is as large
  /// as the output where they do not. Few outputs may all be small by chance, and then neither they
  /// nor LibTorch's error in them tells what rounding costs. Asked where there are few.
  std::function<Tensors(const Tensors& operands)> summed;
  Peer peer;
  /// Which the comparison has to refuse, as it has to refuse the general spoils of spoil.h.
  std::vector<Mistake> mistakes;
  /// The least error that users notice, relative to the largest output; else by dtype (spoil.h).
  std::optional<double> noticeable;
  /// The same problem with one row, where rows do not depend on each other; else null.
  std::function<Case()> one_row;

  /// "fp16/rows=3,width=128"
  std::string id() const { return std::string(name_of(dtype)) + "/" + shape_id; }
};

/// Builds a Case around an op's Args:
///
///   CaseBuilder c(rms_norm_op(), dtype, set);
///   const auto x = c.input("x", {rows, width}, normal());
///   ...
///   c.launch([=](const Pointers& p) { return RmsNormArgs{p[y], p[x], ...}; });
template <class Args>
class CaseBuilder {
 public:
  CaseBuilder(const Op<Args>& op, DType dtype, ShapeSet set) : op_(op) {
    case_.op = op.name;
    case_.dtype = dtype;
    case_.set = set;
    for (const Version<Args>& version : op.versions) {
      case_.versions.emplace_back(version.name);
      case_.boundaries.push_back(version.boundaries);
    }
  }

  /// A dimension as the op's Args names it; part of the case's id.
  CaseBuilder& dimension(const std::string& name, std::int64_t value) {
    case_.dimensions.emplace_back(name, value);
    case_.shape_id += (case_.shape_id.empty() ? "" : ",") + name + "=" + std::to_string(value);
    return *this;
  }
  /// A column of the report's problem group: batch, q_len, kv_len, heads, m, n, k, ...
  CaseBuilder& column(const std::string& name, std::int64_t value) {
    case_.columns.emplace_back(name, value);
    return *this;
  }

  OperandId input(const std::string& name, std::vector<std::int64_t> shape, Fill fill) {
    return typed_input(name, case_.dtype, std::move(shape), std::move(fill));
  }
  OperandId typed_input(const std::string& name, DType dtype, std::vector<std::int64_t> shape,
                        Fill fill) {
    return add({name, Role::kInput, dtype, std::move(shape), std::move(fill)});
  }
  OperandId output(const std::string& name, std::vector<std::int64_t> shape) {
    return typed_output(name, case_.dtype, std::move(shape));
  }
  OperandId typed_output(const std::string& name, DType dtype, std::vector<std::int64_t> shape) {
    return add({name, Role::kOutput, dtype, std::move(shape), {}});
  }
  OperandId in_out(const std::string& name, std::vector<std::int64_t> shape, Fill fill) {
    return add({name, Role::kInOut, case_.dtype, std::move(shape), std::move(fill)});
  }
  OperandId scratch(const std::string& name, DType dtype, std::vector<std::int64_t> shape) {
    return add({name, Role::kScratch, dtype, std::move(shape), {}});
  }
  /// These operands have one entry per independent row; `one_row` makes the case of a single row.
  CaseBuilder& independent_rows(const std::vector<OperandId>& operands,
                                std::function<Case()> one_row) {
    for (const OperandId id : operands) case_.operands[id].per_row = true;
    case_.one_row = std::move(one_row);
    return *this;
  }

  CaseBuilder& exact() {
    case_.comparison = Comparison::kExact;
    return *this;
  }
  /// `reduction`: how many products or terms one output element sums.
  CaseBuilder& three_way(std::int64_t reduction) {
    case_.comparison = Comparison::kThreeWay;
    case_.reduction = reduction;
    return *this;
  }
  CaseBuilder& phase(const std::string& name) {
    case_.phase = name;
    return *this;
  }
  CaseBuilder& work(double bytes, double flops) {
    case_.bytes = bytes;
    case_.flops = flops;
    return *this;
  }
  CaseBuilder& reference(std::function<Tensors(const Tensors&)> function) {
    case_.reference = std::move(function);
    return *this;
  }

  /// See Case::summed. `squares` gives the sums of squared terms, in float64.
  CaseBuilder& summed(std::function<Tensors(const Tensors&)> squares) {
    case_.summed = std::move(squares);
    return *this;
  }
  /// LibTorch's best way, where that is not the reference; the second with work done beforehand.
  CaseBuilder& peer(std::function<Tensors(const Tensors&)> function) {
    case_.peer = [function = std::move(function)](const Tensors& operands) {
      return [function, operands] { return function(operands); };
    };
    return *this;
  }
  CaseBuilder& prepared_peer(Peer function) {
    case_.peer = std::move(function);
    return *this;
  }

  /// A mistake that the op's implementations could make, and the outputs that it would give.
  CaseBuilder& spoil(const std::string& name, std::function<Tensors(const Tensors&)> outputs) {
    case_.mistakes.push_back({name, std::move(outputs)});
    return *this;
  }
  /// For an op whose errors are larger than its dtype's alone; the reason belongs beside the call.
  CaseBuilder& noticeable(double relative) {
    case_.noticeable = relative;
    return *this;
  }

  /// `make_args` fills in the op's Args from device pointers.
  template <class F>
  Case launch(F make_args) {
    if (!case_.peer) peer(case_.reference);
    const Op<Args>* op = &op_;
    const std::size_t operands = case_.operands.size();
    case_.unsupported = [op, make_args, operands](std::size_t version) {
      return op->versions[version].unsupported(make_args(Pointers(operands, nullptr)),
                                               properties());
    };
    case_.launch = [op, make_args](std::size_t version, const Pointers& pointers,
                                   const Stream& stream) {
      op->versions[version].launch(make_args(pointers), stream);
    };
    case_.launch_other = [make_args](const std::any& function, const Pointers& pointers,
                                     const Stream& stream) {
      std::any_cast<void (*)(const Args&, const Stream&)>(function)(make_args(pointers), stream);
    };
    return std::move(case_);
  }

 private:
  OperandId add(Operand operand) {
    case_.operands.push_back(std::move(operand));
    return case_.operands.size() - 1;
  }

  const Op<Args>& op_;
  Case case_;
};

}  // namespace assay::suites
