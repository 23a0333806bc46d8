#include "ci/bisect/result.h"

#include <fmt/format.h>

#include "reports/pending_file.h"
#include "reports/table.h"

namespace assay::bisect {

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFound:
      return "found";
    case Outcome::kNotReproducible:
      return "not reproducible";
    case Outcome::kBadInput:
      return "bad input";
    case Outcome::kUnclear:
      return "unclear";
    case Outcome::kInterrupted:
      return "interrupted";
  }
  return "?";
}

std::string to_markdown(const Result& result) {
  std::string text =
      fmt::format("## {}: {}\n\n{}\n", result.command, name_of(result.outcome), result.headline);
  if (!result.facts.empty()) {
    reports::Table facts({{""}, {""}});
    for (const auto& [name, value] : result.facts) facts.add({name, value});
    text += "\n" + facts.markdown();
  }
  for (const ResultTable& table : result.tables) {
    std::vector<reports::TableColumn> columns;
    for (const std::string& column : table.columns) columns.push_back({column});
    reports::Table rows(columns);
    for (const auto& row : table.rows) rows.add(row);
    text += fmt::format("\n### {}\n\n{}", table.title, rows.markdown());
  }
  if (!result.notes.empty()) {
    text += "\n### Notes\n\n";
    for (const std::string& note : result.notes) text += "- " + note + "\n";
  }
  if (!result.replay.empty()) {
    text += "\n### To see it again\n\n```\n";
    for (const std::string& command : result.replay) text += command + "\n";
    text += "```\n";
  }
  return text;
}

nlohmann::json to_json(const Result& result) {
  nlohmann::json all = {{"command", result.command},
                        {"outcome", name_of(result.outcome)},
                        {"exit_code", static_cast<int>(result.outcome)},
                        {"headline", result.headline},
                        {"notes", result.notes},
                        {"replay", result.replay}};
  all.update(result.details);
  return all;
}

void check_places(const std::string& json_file, const std::string& markdown_file) {
  for (const std::string& file : {json_file, markdown_file})
    if (!file.empty()) reports::PendingFile(file, "");
}

void write_result(const Result& result, const std::string& json_file,
                  const std::string& markdown_file) {
  using nlohmann::json;
  if (!json_file.empty()) {
    reports::write_whole_file(
        json_file, to_json(result).dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  }
  if (!markdown_file.empty()) reports::write_whole_file(markdown_file, to_markdown(result));
}

}  // namespace assay::bisect
