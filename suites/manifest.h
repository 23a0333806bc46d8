// Manifests: which tests a set must run on a device, so that nothing passes by being absent.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace assay::suites {

/// What a test is expected to do.
enum class Expected : std::uint8_t {
  kRun,         // to run to its end, whatever its verdict
  kSkipShape,   // to be skipped: the version cannot run this problem
  kSkipDevice,  // to be skipped: the device lacks something, such as sm_90
};

/// The kind of a skip from its reason: one that speaks of a device ("needs sm_90") or of a shape.
Expected kind_of_skip(const std::string& reason);

/// The tests of one set on one kind of device, by their full names in GoogleTest.
struct Manifest {
  std::string device;        // "cuda", "emulated"
  std::string set;           // "smoke", "ci", "sweep"
  std::string filter = "*";  // the --gtest_filter that the list was made with
  std::map<std::string, Expected> tests;
};

/// The manifest as a file: a header, then a line for each test in the order of their names.
std::string format_manifest(const Manifest& manifest);
/// Reads what format_manifest wrote. Throws InputError with `path` and the line where the text is
/// anything else, cut short or has a test twice.
Manifest parse_manifest(const std::string& text, const std::string& path);
Manifest read_manifest(const std::string& path);

/// What became of a registered test.
struct Fate {
  enum class Kind : std::uint8_t { kRan, kSkipped, kNotRun, kOtherShard };
  Kind kind = Kind::kRan;
  std::string reason;  // of kSkipped and kNotRun
};

/// A test that did not do what the manifest says of it.
struct Discrepancy {
  std::string test;
  bool not_run = false;  // it should have run and did not; else the list is out of date
  std::string why;
  bool stays_listed = false;  // left out, disabled or not reached: a new list would have it too
};

/// Holds what happened against what was expected, in the order of the tests' names. Tests of other
/// shards are theirs to account for, but must be registered here too.
std::vector<Discrepancy> find_discrepancies(const Manifest& expected,
                                            const std::map<std::string, Fate>& found);

}  // namespace assay::suites
