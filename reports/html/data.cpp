#include "reports/html/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "reports/html/ceilings.h"

namespace assay::reports {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Row& row, std::size_t index) {
  const Column& column = columns()[index];
  if (!row.has(column.name)) return nullptr;
  switch (column.type) {
    case ColumnType::kInteger:
      return *row.integer(column.name);
    case ColumnType::kReal: {
      const double value = *row.real(column.name);
      if (std::isfinite(value)) return six_digits(value);
      return row.cell(index);
    }
    case ColumnType::kString:
    case ColumnType::kEnum:
      break;
  }
  return row.text(column.name);
}

// Texts that repeat, as a list of words and an index for each row.
void add_words(Json& out, const std::vector<Json>& values) {
  std::map<std::string, std::size_t> index;
  Json words = Json::array();
  Json at = Json::array();
  for (const Json& value : values) {
    if (value.is_null()) {
      at.push_back(-1);
      continue;
    }
    const auto text = value.get<std::string>();
    const auto [found, is_new] = index.try_emplace(text, words.size());
    if (is_new) words.push_back(text);
    at.push_back(found->second);
  }
  if (words.size() * 2 > values.size()) {
    out["values"] = values;
    return;
  }
  out["words"] = std::move(words);
  out["at"] = std::move(at);
}

Json json_of(const PageComparison& comparison) {
  Json rows = Json::array();
  for (const PageRow& row : comparison.rows) {
    Json one = {{"row_id", row.row_id}, {"verdict", row.verdict}};
    if (row.effect) one["effect"] = six_digits(*row.effect);
    if (row.ci) one["ci"] = {six_digits(row.ci->low), six_digits(row.ci->high)};
    if (!row.note.empty()) one["note"] = row.note;
    if (!row.name.empty()) one["name"] = row.name;
    rows.push_back(std::move(one));
  }
  return {{"base", comparison.base}, {"rows", std::move(rows)}};
}

}  // namespace

double six_digits(double value) {
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

std::string report_json(const Report& report, const std::optional<PageComparison>& comparison) {
  Json out;
  out["rows"] = report.rows.size();
  out["columns"] = Json::array();
  for (std::size_t i = 0; i < columns().size(); ++i) {
    const Column& column = columns()[i];
    if (column.name == "schema_version") continue;
    std::vector<Json> values;
    for (const Row& row : report.rows) values.push_back(json_of(row, i));
    if (std::ranges::all_of(values, [](const Json& value) { return value.is_null(); })) continue;
    Json one = {{"name", column.name}, {"type", name_of(column.type)}};
    if (!column.unit.empty()) one["unit"] = column.unit;
    one["meaning"] = column.meaning;
    const bool text = column.type == ColumnType::kString || column.type == ColumnType::kEnum;
    if (std::ranges::all_of(values, [&](const Json& value) { return value == values.front(); })) {
      one["value"] = values.front();
    } else if (text) {
      add_words(one, values);
    } else {
      one["values"] = std::move(values);
    }
    out["columns"].push_back(std::move(one));
  }
  out["ceilings"] = Json::array();
  for (const DtypeCeilings& found : find_ceilings(report.rows)) {
    Json one = {{"run_id", found.run_id}, {"dtype", found.dtype}};
    if (found.gb_per_s) one["gb_per_s"] = six_digits(*found.gb_per_s);
    if (found.tflop_per_s) one["tflop_per_s"] = six_digits(*found.tflop_per_s);
    out["ceilings"].push_back(std::move(one));
  }
  if (comparison) out["comparison"] = json_of(*comparison);
  return out.dump();
}

}  // namespace assay::reports
