// Kernels with one deliberate bug each, which the checks must find. Built into verify only.
#pragma once

#include <any>
#include <string>
#include <vector>

namespace assay::suites {

/// A version of an op with one text replaced: README.md of this folder.
struct Mutant {
  std::string op;
  std::string name;
  std::string version;  // the one it differs from
  std::string kind;     // "bounds", "race" ...
  std::string shows;    // what a user would see, in one sentence
  std::any launch;      // for Case::launch_other

  /// "rms_norm/missing_eps"
  std::string id() const { return op + "/" + name; }
  /// It differs in its text and not in what it computes: it survives, and shows that a survivor is
  /// reported. Runs only where it is named.
  bool equivalent() const { return kind == "equivalent"; }
  /// Its bug shows under some orders of threads only.
  bool depends_on_order() const {
    return kind == "synchronisation" || kind == "race" || kind == "determinism" || equivalent();
  }
};

/// Every mutant of every op, in the order of the tables: suites/mutants/<op>.json.
const std::vector<Mutant>& all_mutants();

}  // namespace assay::suites
