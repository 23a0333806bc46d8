#include "kernels/op.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>

namespace assay {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

const OpNames& find_op(const std::string& name) {
  std::vector<std::string> known;
  for (const OpNames& op : all_ops()) {
    if (op.op == name) return op;
    known.push_back(op.op);
  }
  throw InputError("kernel pin: there is no op '" + name + "'; ops are " + join(known));
}

std::size_t find_version(const OpNames& op, const std::string& name) {
  const auto found = std::find(op.versions.begin(), op.versions.end(), name);
  if (found == op.versions.end()) {
    throw InputError("kernel pin: " + op.op + " has no version '" + name + "'; versions are " +
                     join(op.versions));
  }
  return static_cast<std::size_t>(found - op.versions.begin());
}

// "v3_vector" -> 3
int number_of(const std::string& version) { return std::atoi(version.c_str() + 1); }

std::vector<std::size_t> oldest_first(const OpNames& op) {
  std::vector<std::size_t> order(op.versions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return number_of(op.versions[a]) < number_of(op.versions[b]);
  });
  return order;
}

}  // namespace

KernelSet KernelSet::parse(std::string_view spec) {
  KernelSet set;
  set.spec_ = spec.empty() ? "best" : std::string(spec);
  std::set<std::string> pinned;
  bool first = true;
  for (const std::string& item : split(set.spec_, ',')) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      if (!first || (item != "best" && item != "baseline")) {
        throw InputError(
            "kernel set '" + set.spec_ + "': '" + item +
            "' is neither a pin op=version nor, in first place, one of best, baseline");
      }
      if (item == "baseline") {
        for (const OpNames& op : all_ops()) set.order_[op.op] = oldest_first(op);
      }
    } else {
      const std::string name = item.substr(0, equals);
      const OpNames& op = find_op(name);
      std::vector<std::size_t> order;
      for (const std::string& version : split(std::string_view(item).substr(equals + 1), '/')) {
        order.push_back(find_version(op, version));
      }
      if (!pinned.insert(op.op).second) {
        throw InputError("kernel set '" + set.spec_ + "': " + op.op +
                         " is pinned twice; several versions of one op are op=first/second");
      }
      set.order_[op.op] = order;
    }
    first = false;
  }
  return set;
}

KernelSet KernelSet::from_environment() {
  const char* spec = std::getenv("ASSAY_KERNELS");
  return parse(spec != nullptr ? spec : "");
}

std::string with_pins(std::string_view set, std::string_view pins) {
  KernelSet::parse(set);
  if (pins.empty()) return std::string(set);
  KernelSet::parse(pins);
  std::set<std::string> pinned;
  for (const std::string& pin : split(pins, ',')) {
    const std::size_t equals = pin.find('=');
    if (equals == std::string::npos) {
      throw InputError("kernel pins '" + std::string(pins) + "': '" + pin +
                       "' is a whole set, not a pin op=version");
    }
    pinned.insert(pin.substr(0, equals));
  }
  std::string spec;
  for (const std::string& item : split(set, ',')) {
    if (pinned.count(item.substr(0, item.find('='))) == 0) spec += item + ",";
  }
  return spec + std::string(pins);
}

std::size_t KernelSet::candidates(std::string_view op, std::size_t table_size) const {
  const auto found = order_.find(op);
  return found == order_.end() ? table_size : found->second.size();
}

std::size_t KernelSet::candidate(std::string_view op, std::size_t i) const {
  const auto found = order_.find(op);
  return found == order_.end() ? i : found->second[i];
}

}  // namespace assay
