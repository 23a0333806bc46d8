#include "suites/case_family.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <string_view>

#include "kernels/device/error.h"
#include "kernels/device/properties.h"

namespace assay::suites {
namespace {

// Items by what `text` makes of each, separated by commas.
template <class Items, class Text>
std::string listing(const Items& items, const Text& text) {
  std::string list;
  for (const auto& item : items) list += (list.empty() ? "" : ", ") + std::string(text(item));
  return list;
}

std::string with_value(const Dimension& dimension, int value) {
  return dimension.name + "=" + std::to_string(value);
}

int parse_value(const std::string& name, const std::string& item, std::string_view digits) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    throw InputError("case '" + name + "': " + item + " is past what a launch can count, " +
                     std::to_string(std::numeric_limits<int>::max()));
  }
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw InputError("case '" + name + "': '" + item + "' is not a dimension and its value, " +
                     "as in width=128");
  }
  return value;
}

DimensionValues parse_values(const std::string& name, const CaseFamily& family, std::string shape) {
  std::map<std::size_t, int> given;
  while (!shape.empty()) {
    const std::size_t end = std::min(shape.find(','), shape.size());
    const std::string item = shape.substr(0, end);
    shape.erase(0, end + 1);
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::size_t place = family.dimension(item.substr(0, equals));
    const int value =
        parse_value(name, item, std::string_view(item).substr(std::min(equals + 1, item.size())));
    if (!given.emplace(place, value).second) {
      throw InputError("case '" + name + "': " + item.substr(0, equals) + " is given twice");
    }
  }
  DimensionValues values;
  for (std::size_t i = 0; i < family.dimensions.size(); ++i) {
    if (given.count(i) == 0) {
      throw InputError("case '" + name + "' has no value for " + family.dimensions[i].name +
                       "; dimensions of " + family.op + " are " +
                       listing(family.dimensions, [](const Dimension& d) { return d.name; }));
    }
    values.push_back(given.at(i));
  }
  return values;
}

}  // namespace

std::size_t CaseFamily::dimension(const std::string& name) const {
  const auto found = std::find_if(dimensions.begin(), dimensions.end(),
                                  [&](const Dimension& d) { return d.name == name; });
  if (found == dimensions.end()) {
    throw InputError(op + " has no dimension '" + name + "'; dimensions are " +
                     listing(dimensions, [](const Dimension& d) { return d.name; }));
  }
  return static_cast<std::size_t>(found - dimensions.begin());
}

std::string CaseFamily::impossible(const DimensionValues& values) const {
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const Dimension& d = dimensions[i];
    const std::string has = with_value(d, values[i]);
    if (values[i] < d.smallest) return has + " is below " + std::to_string(d.smallest);
    if (values[i] % d.step != 0) return has + " is not a multiple of " + std::to_string(d.step);
    if (!d.choices.empty() &&
        std::find(d.choices.begin(), d.choices.end(), values[i]) == d.choices.end()) {
      return has + " is none of " + listing(d.choices, [](int v) { return std::to_string(v); });
    }
    if (!d.multiple_of.empty()) {
      const int base = values[dimension(d.multiple_of)];
      if (base <= 0 || values[i] % base != 0) {
        return has + " is not a multiple of " + d.multiple_of + "=" + std::to_string(base);
      }
    }
    if (!d.at_least.empty() && values[i] < values[dimension(d.at_least)]) {
      return has + " is below " + d.at_least + "=" + std::to_string(values[dimension(d.at_least)]);
    }
  }
  return refuse ? refuse(values) : "";
}

const CaseFamily& find_family(const std::vector<CaseFamily>& families, const std::string& op) {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const CaseFamily& f) { return f.op == op; });
  if (found == families.end()) {
    throw InputError("there is no op '" + op + "'; ops are " +
                     listing(families, [](const CaseFamily& f) { return f.op; }));
  }
  return *found;
}

Case make_case(const std::string& name, const std::vector<CaseFamily>& families, ShapeSet set) {
  const std::size_t first = name.find('/');
  const std::size_t second = first == std::string::npos ? first : name.find('/', first + 1);
  if (second == std::string::npos) {
    throw InputError("case '" + name +
                     "' is not op/dtype/dimensions, as in rms_norm/fp16/rows=3,width=128");
  }
  const std::string op = name.substr(0, first);
  const CaseFamily& family = find_family(families, op);
  const std::string wanted = name.substr(first + 1, second - first - 1);
  const auto dtype = std::find_if(family.dtypes.begin(), family.dtypes.end(),
                                  [&](DType d) { return name_of(d) == wanted; });
  if (dtype == family.dtypes.end()) {
    throw InputError(family.op + " has no cases of dtype '" + wanted + "'; dtypes are " +
                     listing(family.dtypes, [](DType d) { return name_of(d); }));
  }
  return family.make(parse_values(name, family, name.substr(second + 1)), *dtype, set);
}

std::size_t find_version(const Case& c, const std::string& version) {
  const auto found = std::find(c.versions.begin(), c.versions.end(), version);
  if (found == c.versions.end()) {
    throw InputError(c.op + " has no version '" + version + "'; versions are " +
                     listing(c.versions, [](const std::string& v) { return v; }));
  }
  return static_cast<std::size_t>(found - c.versions.begin());
}

std::vector<int> around(const Boundary& boundary, const Dimension& dimension) {
  std::vector<int> values;
  for (const int value :
       {boundary.value - dimension.step, boundary.value, boundary.value + dimension.step}) {
    if (value >= dimension.smallest) values.push_back(value);
  }
  return values;
}

std::string replay_command(const Case& c, std::size_t version, std::uint64_t seed) {
  return "verify --case '" + c.op + "/" + c.id() + "' --version " + c.versions[version] +
         " --seed " + std::to_string(seed);
}

void seed_schedule(const Case& c, std::size_t version, std::uint64_t seed) {
  set_schedule_seed(seed_for(seed, "schedule/" + c.op + "." + c.versions[version] + "/" + c.id()));
}

}  // namespace assay::suites
