// verify --layers: a forward pass with every tap of it written down, for `bisect layers` and for
// people. One side against the reference, or two sides, which differ in kernels or in weights,
// against the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "suites/trace.h"

namespace assay::suites {

/// What `verify --layers` was asked.
struct LayersOptions {
  /// One or two checkpoint folders; none: the shipped one. The truth comes from the first one's
  /// weights. The engine's side that is judged, "to", has the last one's.
  std::vector<std::string> checkpoints;
  std::string dtype;                 // fp32, fp16, bf16; empty: the first checkpoint's
  std::string kernels;               // of side "to"; empty: best
  std::string from;                  // kernels of side "from"; empty: those of "to"
  bool with_from = false;            // `from` was given
  std::vector<std::string> prompts;  // token ids, "1,403,22"; none: a ragged batch at random
  int decode = 2;                    // tokens decoded one by one after the prompts
  std::string json;                  // where the taps go; empty: nowhere
  std::string repro;                 // below which a reproduction folder is written
  std::uint64_t seed = 1;
};

/// Where a trace leaves its bounds and another one, if there is one, does not.
struct Culprit {
  std::size_t tap;  // its place in Trace::taps
  bool local;       // born there, as its local error says; otherwise only carried there
};
/// The first tap whose local error is out of bound; where there is none, the first whose
/// accumulated error is. Taps at which `from` is out of bound in the same way do not count.
std::optional<Culprit> find_culprit(const Trace& to, const Trace* from);
/// One line for people where there is none.
std::string describe_no_culprit(const Trace* from);

/// Runs both sides, prints what was found, and writes JSON and a reproduction folder. 0: every tap
/// is within its bounds, or is out of them on both sides; 1: one is not, or the device stopped,
/// with or without a folder. Throws InputError for what cannot be used: folders, shapes that
/// differ, versions, token ids.
int compare_layers(const LayersOptions& options);

}  // namespace assay::suites
