// What a bisection ends with: for people as Markdown, for programs as JSON, and as an exit code.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace assay::bisect {

/// The values are the exit codes.
enum class Outcome : std::uint8_t {
  kFound = 0,
  kNotReproducible = 1,  ///< Both ends are alike here: there is nothing to look for.
  kBadInput = 2,
  kUnclear =
      3,  ///< It differs, and what made it so could not be told; the result says how far it got.
  kInterrupted = 130,
};

/// "found", "not reproducible", "bad input", "unclear", "interrupted"
std::string_view name_of(Outcome outcome);

struct ResultTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

struct Result {
  std::string command;  ///< "bisect commits"
  Outcome outcome = Outcome::kUnclear;
  std::string headline = {};  ///< One sentence that answers the question.
  /// Name and value, for people: the commit, its author ...
  std::vector<std::pair<std::string, std::string>> facts = {};
  std::vector<ResultTable> tables = {};
  std::vector<std::string> notes = {};  ///< What a reader should know before trusting it.
  /// Commands that show it again, in order.
  std::vector<std::string> replay = {};
  /// What programs read beside outcome, headline, notes and replay: an object, merged at the top.
  nlohmann::json details = nlohmann::json::object();
};

/// A section with a heading, fit for a job page or an issue.
std::string to_markdown(const Result& result);

/// {"command", "outcome", "exit_code", "headline", "notes", "replay", ...details}
nlohmann::json to_json(const Result& result);

/// InputError where one of the files that have a name cannot be written: to be told before the work
/// rather than after it.
void check_places(const std::string& json_file, const std::string& markdown_file);

/// Writes the files that have a name, each under a temporary name first. InputError where one
/// cannot be written.
void write_result(const Result& result, const std::string& json_file,
                  const std::string& markdown_file);

}  // namespace assay::bisect
