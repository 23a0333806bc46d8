#include "reports/samples.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "reports/append_file.h"
#include "reports/statistics.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

// Of a median that a program wrote with fewer digits than it had.
constexpr double MEDIAN_ROUNDING = 1e-3;

struct Problem {
  std::size_t column;
  std::string what;
};

std::string key_of(std::string_view run_id, std::string_view row_id) {
  return fmt::format("{}\n{}", run_id, row_id);
}

// A line exactly as SampleWriter writes it. 10,000 rows are 20 MB of numbers, for which a general
// parser takes longer than the whole comparison; what this does not understand, that one judges.
class WrittenLine {
 public:
  explicit WrittenLine(std::string_view line) : rest_(line) {}

  bool parse(Samples::Entry& entry) {
    return take("{\"run_id\":\"") && take_word(entry.run_id) && take(",\"row_id\":\"") &&
           take_word(entry.row_id) && take(",\"samples_us\":[") && take_numbers(entry.samples_us) &&
           rest_ == "}";
  }

 private:
  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }

  bool take_word(std::string& word) {
    const std::size_t end = rest_.find_first_of("\"\\");
    if (end == rest_.npos || rest_[end] != '"') return false;
    word = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return !find_bad_utf8(word);
  }

  bool take_numbers(std::vector<double>& numbers) {
    numbers.clear();
    do {
      // from_chars also reads "nan", "inf" and ".5", which JSON does not.
      if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') return false;
      double value = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc{} || !(value > 0)) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      numbers.push_back(value);
    } while (take(","));
    return take("]");
  }

  std::string_view rest_;
};

// Throws Problem.
Samples::Entry parse_json(std::string_view line) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(line);
  } catch (const nlohmann::json::parse_error& error) {
    throw Problem{std::max<std::size_t>(error.byte, 1),
                  "no JSON from here on; NaN and infinity are none either"};
  } catch (const nlohmann::json::out_of_range&) {
    throw Problem{1, "a number in it is no double: it is out of range"};
  }
  constexpr std::string_view SHAPE = R"({"run_id":"..","row_id":"..","samples_us":[..]})";
  if (!json.is_object() || json.size() != 3 || !json.contains("run_id") ||
      !json.contains("row_id") || !json.contains("samples_us") || !json["run_id"].is_string() ||
      !json["row_id"].is_string() || !json["samples_us"].is_array())
    throw Problem{1, fmt::format("is not of the form {}", SHAPE)};
  Samples::Entry entry;
  entry.run_id = json["run_id"].get<std::string>();
  entry.row_id = json["row_id"].get<std::string>();
  const std::size_t column = line.find("samples_us") + 1;
  if (json["samples_us"].empty()) throw Problem{column, "samples_us: there are none"};
  for (const auto& value : json["samples_us"]) {
    if (!value.is_number())
      throw Problem{column, fmt::format("samples_us: sample {} is {}, no number",
                                        entry.samples_us.size(), printable(value.dump()))};
    entry.samples_us.push_back(value.get<double>());
    if (!(entry.samples_us.back() > 0))
      throw Problem{column, fmt::format("samples_us: sample {} is {}; a time is above zero",
                                        entry.samples_us.size() - 1, entry.samples_us.back())};
  }
  return entry;
}

}  // namespace

const Samples::Entry* Samples::find_entry(std::string_view run_id, std::string_view row_id) const {
  const auto found = last.find(key_of(run_id, row_id));
  return found == last.end() ? nullptr : &entries[found->second];
}

const std::vector<double>* Samples::find(std::string_view run_id, std::string_view row_id) const {
  const Entry* entry = find_entry(run_id, row_id);
  return entry ? &entry->samples_us : nullptr;
}

void Samples::add(Entry entry) {
  last[key_of(entry.run_id, entry.row_id)] = entries.size();
  entries.push_back(std::move(entry));
}

Samples parse_samples(std::string_view text, const std::string& file) {
  Samples samples;
  samples.file = file;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    if (end == text.npos) {
      samples.diagnostics.push_back({file, line, 1,
                                     "the file ends in the middle of this line, which is dropped",
                                     Severity::kError, true});
      break;
    }
    std::string_view content = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (content.ends_with('\r')) content.remove_suffix(1);
    if (content.empty()) continue;
    Samples::Entry entry;
    try {
      if (!WrittenLine(content).parse(entry)) entry = parse_json(content);
    } catch (const Problem& problem) {
      samples.diagnostics.push_back({file, line, problem.column, problem.what});
      continue;
    }
    entry.line = line;
    samples.add(std::move(entry));
  }
  return samples;
}

Samples read_samples(const std::filesystem::path& path) {
  return parse_samples(read_file(path), path.string());
}

std::string misfit(const Row& row, const std::vector<double>& samples_us, std::string_view file) {
  const std::string row_id = printable(row.text("row_id"));
  const auto count = row.integer("samples");
  if (count && *count != static_cast<std::int64_t>(samples_us.size()))
    return fmt::format("samples: {}, but {} has {} of row_id {}", *count, file, samples_us.size(),
                       row_id);
  const auto said = row.real("t_median_us");
  if (!said) return "";
  const double median = summarize(samples_us).median_us;
  if (std::abs(*said - median) <= MEDIAN_ROUNDING * median) return "";
  return fmt::format(
      "t_median_us: {}, but the samples in {} of row_id {} have the median {}; somebody changed "
      "one of them by hand",
      *said, file, row_id, median);
}

std::optional<Diagnostic> check_samples_of(const Report& report, std::size_t i,
                                           const Samples& samples) {
  const Row& row = report.rows[i];
  const auto* of_row = samples.find(row.text("run_id"), row.text("row_id"));
  if (!of_row) return std::nullopt;
  std::string why = misfit(row, *of_row, samples.file);
  if (why.empty()) return std::nullopt;
  return Diagnostic{report.file, report.lines[i], 1, std::move(why)};
}

std::vector<Diagnostic> check_samples(const Report& report, const Samples& samples) {
  std::vector<Diagnostic> found;
  std::unordered_set<std::string> known;
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const Row& row = report.rows[i];
    known.insert(key_of(row.text("run_id"), row.text("row_id")));
    if (!row.has("t_median_us")) continue;
    if (!samples.find(row.text("run_id"), row.text("row_id"))) {
      found.push_back({report.file, report.lines[i], 1,
                       fmt::format("row_id {} has a t_median_us, but {} has no samples of it",
                                   printable(row.text("row_id")), samples.file)});
    } else if (const auto unfit = check_samples_of(report, i, samples)) {
      found.push_back(*unfit);
    }
  }
  for (const Samples::Entry& entry : samples.entries)
    if (known.insert(key_of(entry.run_id, entry.row_id)).second)
      found.push_back({samples.file, entry.line, 1,
                       fmt::format("unknown row_id {}: {} has no such row of run {}",
                                   printable(entry.row_id), report.file, printable(entry.run_id)),
                       Severity::kWarning});
  return found;
}

}  // namespace assay::reports
