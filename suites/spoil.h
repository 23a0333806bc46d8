// Spoiled outputs: what proves that a comparison can fail. Before a kernel's verdict is believed,
// the same comparison is shown the correct output, which it must accept, and wrong ones, all of
// which it must refuse. One accepted makes the case MISTRUSTED.
//
// A spoiled output is shown where somebody would notice it, which is decided without asking the
// comparison: values, for exact ones; for the others some element must be off by `noticeable` times
// the largest element, or not be finite, or the root mean square of all errors must be `noticeable`
// times that of the elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "suites/check.h"
#include "suites/host_tensor.h"

namespace assay::suites {

/// The least error that users of a `dtype` result would notice, relative to the result.
/// fp32: a quarter of a rounding to fp16 or TF32, so that a kernel which takes either on its way is
/// seen. 16-bit types: the last three bits of the significand, eight roundings; LibTorch's own
/// chains of two or three stay below. 0 for integers: every difference counts.
double noticeable(DType dtype);

/// The least error that users would notice in a tensor.
struct Least {
  double of_one = 0.0;  // of an element: 0 where every difference counts
  double of_all = 0.0;  // root mean square
};
/// `noticeable` times the largest element and times the root mean square of all.
Least least_noticed(const HostTensor& correct, double noticeable);

/// A way to spoil a tensor.
struct TensorSpoil {
  std::string name;
  std::function<void(HostTensor&)> apply;
};

/// Those that fit any op, for outputs like `correct`: never written, in whole, at one element, in
/// the last tile and in the last row; zeros in those places; one infinity; one element off, and all
/// of them, by the least that is noticed (at 0: by the least that the type can show); two rows
/// swapped; the last entry of each axis a copy of its neighbour (a row, a head, a sequence);
/// everything one element late.
std::vector<TensorSpoil> general_spoils(const HostTensor& correct, const Least& least);

/// What became of the spoiled outputs of one case.
struct SpoilReport {
  int shown = 0;
  int refused = 0;
  std::vector<std::string> names;  // of those shown
  std::string accepted;            // what the comparison should have refused, and at which ratio
  bool trusted() const { return accepted.empty(); }
};

/// Shows spoiled outputs to a comparison and keeps the score.
class SpoilTrial {
 public:
  using Compare = std::function<Verdict(const std::vector<HostTensor>&)>;

  /// `correct`: the truth rounded to the outputs' types. `least`: one per output.
  SpoilTrial(std::vector<HostTensor> correct, std::vector<Least> least, Compare compare);

  const std::vector<HostTensor>& correct() const { return correct_; }

  /// Shows `spoiled` unless nobody would notice the difference.
  void show(const std::string& name, const std::vector<HostTensor>& spoiled);
  /// Shows the general spoils of each output in turn, the others being correct; where `few`, only
  /// one element off and the last tile never written.
  void show_general(bool few = false);
  /// Shows `copied` in the place of each output of its type and size.
  void show_copied(const std::string& name, const HostTensor& copied);

  const SpoilReport& report() const { return report_; }

 private:
  bool differs(const HostTensor& spoiled, std::size_t output) const;

  std::vector<HostTensor> correct_;
  std::vector<Least> least_;
  Compare compare_;
  SpoilReport report_;
};

/// The trial of a comparison of one tensor, with the general spoils.
SpoilReport try_general_spoils(const HostTensor& correct, double noticeable,
                               const std::function<Verdict(const HostTensor&)>& compare);

}  // namespace assay::suites
