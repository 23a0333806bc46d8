// How long a sweep has still to go: a guess for each case from what it moves and computes,
// corrected by how long the cases before it took.
#pragma once

#include <map>
#include <string>

namespace assay::suites {

/// Seconds that a case is guessed to take.
struct Cost {
  double setup_s = 0.0;    // once for all cases that share what it sets up: a model's weights
  double prepare_s = 0.0;  // once for the case: inputs, the reference
  double row_s = 0.0;      // for each row: the check, the samples

  /// Without the set-up.
  double of_rows(std::size_t rows) const {
    return rows == 0 ? 0.0 : prepare_s + row_s * static_cast<double>(rows);
  }
};

/// Corrects guesses. Cases of a kind (an op) are wrong by a similar factor, and all of them by that
/// of the machine: each factor is a ratio of sums, drawn towards the more general one while there
/// is little to go by.
class CostModel {
 public:
  /// What `guess_s` of this kind will take, in seconds.
  double expected_s(const std::string& kind, double guess_s) const;
  /// A case of this kind was guessed to take `guess_s` and took `took_s`.
  void observe(const std::string& kind, double guess_s, double took_s);

 private:
  struct Sums {
    double guess_s = 0.0;
    double took_s = 0.0;
  };
  double machine() const;

  Sums all_;
  std::map<std::string, Sums, std::less<>> by_kind_;
};

/// "45 s", "3:07", "1:02:33".
std::string format_duration(double seconds);

}  // namespace assay::suites
