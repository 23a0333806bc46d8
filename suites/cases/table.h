// From an op's table of shapes to its family of cases: each shape at each dtype, then the version
// table's boundaries; and any other shape, from the values of its dimensions.
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device/error.h"
#include "suites/case_family.h"
#include "suites/cases/cases.h"

namespace assay::suites {

inline const std::vector<DType> FLOAT_DTYPES{DType::kF32, DType::kF16, DType::kBF16};

/// A dimension, and the member of a case file's Shape that holds it.
template <class Shape>
struct Field : Dimension {
  std::function<int(const Shape&)> get;
  std::function<void(Shape&, int)> set;

  Field times(const std::string& other) && { return multiple_of = other, std::move(*this); }
  Field from(const std::string& other) && { return at_least = other, std::move(*this); }
  Field in_steps_of(int multiple) && { return step = multiple, std::move(*this); }
};

/// A dimension that takes any value from `smallest`; drawn up to `largest`.
template <class Shape, class T>
Field<Shape> field(const std::string& name, T Shape::*member, int smallest, int largest) {
  Field<Shape> f;
  f.name = name;
  f.smallest = smallest;
  f.largest = largest;
  f.get = [member](const Shape& shape) { return static_cast<int>(shape.*member); };
  f.set = [member](Shape& shape, int value) { shape.*member = static_cast<T>(value); };
  return f;
}

/// A dimension with few values, the simplest first.
template <class Shape, class T>
Field<Shape> choice(const std::string& name, T Shape::*member, std::vector<int> choices) {
  Field<Shape> f = field(name, member, *std::min_element(choices.begin(), choices.end()),
                         *std::max_element(choices.begin(), choices.end()));
  f.choices = std::move(choices);
  return f;
}

/// How far from a boundary its version's own neighbours are looked for: versions with 16-byte
/// accesses take one row width in so many.
constexpr int MOST_STEPS_TO_NEIGHBOUR = 32;

namespace detail {

template <class Shape>
DimensionValues values_of(const Shape& shape, const std::vector<Field<Shape>>& fields) {
  DimensionValues values;
  for (const Field<Shape>& f : fields) values.push_back(f.get(shape));
  return values;
}

/// What a table of shapes is made of.
template <class Shape>
struct Table {
  std::vector<Shape> shapes;
  std::vector<Field<Shape>> fields;
  std::function<Case(const Shape&, DType)> make;
  std::function<std::vector<Shape>(const std::string& dimension, int value)> at;
};

// Adds the cases at each boundary's value and its neighbours, and at the nearest values on either
// side that the version itself supports: it may refuse the next ones for their alignment.
template <class Shape>
void add_boundary_cases(std::vector<Case>& cases, const CaseFamily& family,
                        const Table<Shape>& table, DType dtype) {
  std::set<std::string> ids;
  for (const Case& c : cases) ids.insert(c.id());
  // Whether `version` runs one of the cases at this value.
  const auto add = [&](std::size_t version, const std::string& dimension, int value, bool any) {
    bool runs = false;
    for (const Shape& shape : table.at(dimension, value)) {
      if (!family.impossible(values_of(shape, table.fields)).empty()) continue;
      Case c = table.make(shape, dtype);
      const bool supported = c.unsupported(version).empty();
      runs = runs || supported;
      if ((any || supported) && ids.insert(c.id()).second) cases.push_back(std::move(c));
    }
    return runs;
  };
  for (std::size_t version = 0; version < family.boundaries.size(); ++version) {
    for (const Boundary& boundary : family.boundaries[version]) {
      const std::string name = boundary.dimension;
      const Dimension& dimension = family.dimensions[family.dimension(name)];
      for (const int value : around(boundary, dimension)) add(version, name, value, true);
      for (const int side : {-1, 1}) {
        for (int steps = 1; steps <= MOST_STEPS_TO_NEIGHBOUR; ++steps) {
          const int value = boundary.value + side * steps * dimension.step;
          if (value < dimension.smallest || add(version, name, value, false)) break;
        }
      }
    }
  }
}

}  // namespace detail

/// `make(shape, dtype)` builds a case; `at(dimension, value)` answers the shapes of a boundary's
/// cases, of which those that `refuse` has a reason for are left out.
template <class Args, class Shape, std::size_t N, class Make, class At>
CaseFamily family_from_table(const Op<Args>& op, const Shape (&shapes)[N],
                             const std::vector<DType>& dtypes,
                             const std::vector<Field<Shape>>& fields, const Make& make,
                             const At& at, std::string (*refuse)(const Shape&) = nullptr) {
  CaseFamily family;
  family.op = op.name;
  family.dimensions.assign(fields.begin(), fields.end());
  family.dtypes = dtypes;
  for (const Version<Args>& version : op.versions) {
    family.versions.emplace_back(version.name);
    family.boundaries.push_back(version.boundaries);
  }
  const auto shape_of = [fields](const DimensionValues& values, ShapeSet set) {
    Shape shape{};
    shape.set = set;
    for (std::size_t i = 0; i < fields.size(); ++i) fields[i].set(shape, values[i]);
    return shape;
  };
  if (refuse != nullptr) {
    family.refuse = [=](const DimensionValues& values) {
      return refuse(shape_of(values, ShapeSet::kCi));
    };
  }
  const CaseFamily rules = family;  // without the functions that follow
  family.make = [=](const DimensionValues& values, DType dtype, ShapeSet set) {
    const std::string reason = rules.impossible(values);
    if (!reason.empty()) throw InputError(rules.op + " has no such case: " + reason);
    return make(shape_of(values, set), dtype);
  };
  const detail::Table<Shape> table{{shapes, shapes + N}, fields, make, at};
  family.listed = [=] {
    std::vector<Case> cases;
    for (const DType dtype : rules.dtypes) {
      std::vector<Case> of_dtype;
      for (const Shape& shape : table.shapes) of_dtype.push_back(make(shape, dtype));
      detail::add_boundary_cases(of_dtype, rules, table, dtype);
      std::move(of_dtype.begin(), of_dtype.end(), std::back_inserter(cases));
    }
    return cases;
  };
  return family;
}

/// "" or why the codes of a row do not fill whole bytes.
template <class Shape>
std::string split_byte(const Shape& shape) {
  if (static_cast<long long>(shape.k) * shape.bits % 8 == 0) return "";
  return "k=" + std::to_string(shape.k) + " codes of " + std::to_string(shape.bits) +
         " bits end within a byte";
}

/// Device pointers as the Args structs want them.
inline const int* as_ints(const void* data) { return static_cast<const int*>(data); }
inline int* as_ints(void* data) { return static_cast<int*>(data); }

}  // namespace assay::suites
