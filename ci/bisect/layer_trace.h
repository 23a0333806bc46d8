// What `verify --layers` wrote, and what can be told from it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace assay::bisect {

/// An error over its bound; 1 is the limit. Not in bound where it is no number.
struct TapError {
  bool in_bound = true;
  double ratio = 0;
  double max_abs = 0;
  double bound = 0;
};

struct MadeBy {
  std::string op;
  std::string version;
  auto operator<=>(const MadeBy&) const = default;
};

struct TracedTap {
  std::size_t step = 0;
  std::string name;               ///< "layer.3.attention.qkv"
  std::vector<MadeBy> made_by;    ///< Each once, in order.
  TapError accumulated;           ///< Along the engine's own way.
  std::optional<TapError> local;  ///< Fed what the truth has; none where the pass stopped before.
};

/// One side: kernels and weights.
struct TracedSide {
  std::string checkpoint;
  std::string kernels;
  std::string problem;  ///< Where the device stopped, or taps that only one side has; or "".
  bool stopped = false;
  std::vector<TracedTap> taps;  ///< In the order in which they came about.
};

struct LayerTrace {
  std::string device;
  std::string dtype;
  std::string truth;                   ///< The checkpoint that the reference had.
  std::vector<TracedSide> sides;       ///< "from", if there is one, and "to"
  std::optional<std::size_t> culprit;  ///< Place among the taps of "to".
  bool local = false;                  ///< The error was born at the culprit.
  std::string picture;
  std::string reproduction;  ///< Folder, or "".

  const TracedSide& to() const { return sides.back(); }
  const TracedSide* from() const { return sides.size() > 1 ? &sides.front() : nullptr; }
};

/// Throws InputError that names `file` where the text is not what verify writes.
LayerTrace parse_layer_trace(const nlohmann::json& json, const std::string& file);

/// Taps of "to" whose local error is out of bound where that of "from", if there is one, is not.
std::vector<std::size_t> born_errors(const LayerTrace& trace);

/// Versions at the culprit that may be to blame: those that "from" has not chosen there; all of
/// them if there is no "from", or it has chosen the same.
std::vector<MadeBy> suspects(const LayerTrace& trace);

/// "layer.3" of "layer.3.attention.qkv"; a tap outside layers is its own.
std::string layer_of(const std::string& tap);

/// Tensors of a checkpoint that a tap's last op reads, "model.layers.3.self_attn.q_proj.weight" and
/// so on; none where it reads none.
std::vector<std::string> weights_of(const std::string& tap);

}  // namespace assay::bisect
