#include "ci/bisect/kernel_difference.h"

#include <algorithm>
#include <utility>

#include "kernels/op.h"

namespace assay::bisect {
namespace {

// A problem that refuses so many versions: what a set resolves it to is the next one that it tries.
struct Picky {
  int* left;
};
std::string refuse(const Picky& problem, const Properties& /*device*/) {
  return (*problem.left)-- > 0 ? "refused" : "";
}

// `first`, then what is left of `then`.
std::vector<std::string> joined(std::vector<std::string> first,
                                const std::vector<std::string>& then) {
  for (const std::string& version : then) {
    if (std::ranges::find(first, version) == first.end()) first.push_back(version);
  }
  return first;
}

std::string pin_of(const std::string& op, const std::vector<std::string>& order) {
  std::string text = op + "=";
  for (const std::string& version : order) text += (text.back() == '=' ? "" : "/") + version;
  return text;
}

}  // namespace

Orders orders_of(const std::string& spec) {
  const KernelSet set = KernelSet::parse(spec);
  Orders orders;
  for (const OpNames& names : all_ops()) {
    Op<Picky> op{names.op.c_str(), {}};
    for (const std::string& version : names.versions) {
      op.versions.push_back({version.c_str(), nullptr, refuse, {}});
    }
    std::vector<std::string>& order = orders[names.op];
    for (int i = 0; i < static_cast<int>(names.versions.size()); ++i) {
      int left = i;
      try {
        order.emplace_back(set.resolve(op, Picky{&left}).name);
      } catch (const Error&) {
        break;  // the set allows no more
      }
    }
  }
  return orders;
}

std::string spec_of(const Orders& orders) {
  std::string spec;
  for (const OpNames& names : all_ops()) {
    const auto found = orders.find(names.op);
    if (found == orders.end() || found->second == names.versions) continue;
    spec += (spec.empty() ? "" : ",") + pin_of(names.op, found->second);
  }
  return spec.empty() ? "best" : spec;
}

std::string to_string(const std::vector<Pin>& pins) {
  std::string text;
  for (const Pin& pin : pins) text += (text.empty() ? "" : ",") + pin.op + "=" + pin.version;
  return text;
}

KernelDifference::KernelDifference(Orders from, Orders to)
    : from_(std::move(from)), to_(std::move(to)) {
  for (const auto& [op, order] : to_) {
    if (from_.at(op) != order) ops_.push_back(op);
  }
}

std::vector<Pin> KernelDifference::pins(const std::string& op) const {
  std::vector<std::string> pinned = to_.at(op);
  const std::vector<std::string> whole = joined(pinned, from_.at(op));
  for (std::size_t i = pinned.size(); i-- > 0;) {
    std::vector<std::string> fewer = pinned;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (joined(fewer, from_.at(op)) == whole) pinned = fewer;
  }
  if (pinned.empty()) return {this->whole(op)};
  std::vector<Pin> pins;
  for (const std::string& version : pinned) pins.push_back({op, version});
  return pins;
}

Pin KernelDifference::whole(const std::string& op) const {
  return {op, pin_of(op, to_.at(op)).substr(op.size() + 1), true};
}

Orders KernelDifference::with_pins(const std::vector<Pin>& pins) const {
  std::map<std::string, std::vector<std::string>> first;
  for (const auto& [op, order] : to_) {
    for (const std::string& version : order) {
      if (std::ranges::find(pins, Pin{op, version}) != pins.end()) first[op].push_back(version);
    }
  }
  Orders orders = from_;
  for (auto& [op, versions] : first) orders[op] = joined(std::move(versions), from_.at(op));
  for (const Pin& pin : pins) {
    if (pin.whole) orders[pin.op] = to_.at(pin.op);
  }
  return orders;
}

Orders KernelDifference::without_pins(const std::vector<Pin>& without) const {
  Orders orders = to_;
  for (const std::string& op : ops_) {
    if (std::ranges::none_of(without, [&](const Pin& pin) { return pin.op == op; })) continue;
    if (std::ranges::find(without, whole(op)) != without.end()) {
      orders[op] = from_.at(op);
      continue;
    }
    std::vector<Pin> rest = pins(op);
    std::erase_if(rest,
                  [&](const Pin& pin) { return std::ranges::find(without, pin) != without.end(); });
    orders[op] = with_pins(rest).at(op);
  }
  return orders;
}

}  // namespace assay::bisect
