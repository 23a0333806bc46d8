// Reproduction folders: a failing forward pass with its model, its truth and what was found, to be
// run again alone, on another machine or after a change.
//
//   README.md                 what failed, the picture, the command
//   manifest.json             the script of the forward pass, dtype, kernel set, seed, commit ...
//   model/                    config.json and the weights (or the manifest names their folder)
//   expected.safetensors      the reference's taps: per stretch of tokens, in float64 and at the
//                             dtype, accumulated and local
//   found.safetensors         the engine's taps of the step that failed, up to the first divergence
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "suites/trace.h"

namespace assay::suites {

/// Where a reproduction came from, for its manifest.
struct Origin {
  std::string test;     // as GoogleTest has it
  std::string command;  // that runs the test
  std::uint64_t seed = 1;
  std::string model;                 // its name
  std::filesystem::path checkpoint;  // the weights that the engine ran with
};

/// Checkpoints up to this size are copied into the folder; larger ones are named.
constexpr std::uintmax_t MOST_COPIED_BYTES = std::uintmax_t{256} << 20;

/// Writes <base>/<test>/, replacing one of an earlier run, and returns its path. Throws InputError
/// where it cannot be written or something else is there.
std::filesystem::path write_reproduction(const std::filesystem::path& base, const Origin& origin,
                                         const Script& script, const Truths& truths,
                                         const Trace& trace);

/// What a folder holds. Throws InputError, naming the file, for one that is missing, cut short,
/// changed since it was written, or of another format.
struct Reproduction {
  Origin origin;
  Script script;
  Truths truths;
  std::string device;     // that it failed on
  std::string first_tap;  // that was out of bound, "" where none was
  std::size_t first_step = 0;
};
Reproduction read_reproduction(const std::filesystem::path& folder);

/// Runs the forward pass of a folder again, holds it against the truth stored there, and prints
/// the outcome. 1: a tap is out of bound; 0: none is. Throws InputError for a damaged folder.
int replay(const std::filesystem::path& folder);

}  // namespace assay::suites
