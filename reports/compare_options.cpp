#include "reports/compare_options.h"

#include <fmt/format.h>

#include <charconv>
#include <ostream>

#include "kernels/device/error.h"
#include "reports/pending_file.h"

namespace assay::reports {
double parse_share(const std::string& text, std::string_view what) {
  std::string_view number = text;
  const bool per_cent = number.ends_with('%');
  if (per_cent) number.remove_suffix(1);
  while (number.ends_with(' ')) number.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool whole = error == std::errc{} && end == number.data() + number.size();
  if (per_cent) value /= 100;
  if (!whole || !(value > 0 && value < 1))
    throw InputError(fmt::format(
        "{} '{}': a share above 0 and below 100 % is wanted, as 3% or 0.03", what, text));
  return value;
}

CLI::Validator number_in(double low, double high) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;
        const bool is_number = CLI::detail::lexical_cast(text, value);
        if (is_number && value >= low && value <= high) return std::string();
        return fmt::format("'{}': a number from {} to {} is wanted", text, low, high);
      },
      fmt::format("FLOAT in [{} - {}]", low, high));
}

CompareSettings CompareOptions::settings() const {
  CompareSettings settings;
  settings.judge.least = parse_share(least, "--least");
  settings.judge.alpha = alpha;
  settings.error_factor = error_factor;
  settings.filter = filter;
  settings.across = across;
  if (!pair.empty()) settings.pair = parse_pairing(pair);
  if (!(alpha >= 1e-6 && alpha <= 0.2))
    throw InputError(fmt::format("--alpha {}: a rate from 0.000001 to 0.2 is wanted", alpha));
  if (!(error_factor >= 1 && error_factor <= 1e9))
    throw InputError(
        fmt::format("--error-factor {}: a factor of 1 or more is wanted", error_factor));
  return settings;
}

void add_judge_options(CLI::App& command, CompareOptions& options) {
  command.add_option("--least", options.least, "Least effect that matters, as 3% or 0.03")
      ->capture_default_str();
  command.add_option("--alpha", options.alpha, "Rate of false discoveries over all rows")
      ->capture_default_str();
  command.add_option("--filter", options.filter,
                     "Only rows whose 'case_id version kernel_set dtype' this regular expression "
                     "is found in");
}

void add_row_options(CLI::App& command, CompareOptions& options) {
  command
      .add_option("--error-factor", options.error_factor,
                  "Errors may grow by this factor before a row is WORSE-ERROR")
      ->capture_default_str();
  command
      .add_option("--across", options.across,
                  "Compare times although these columns differ: " +
                      fmt::format("{}", fmt::join(incomparable_columns(), ", ")))
      ->delimiter(',');
}

void add_pair_option(CLI::App& command, CompareOptions& options) {
  command.add_option("--pair", options.pair,
                     "COLUMN=BASE:NEW: hold rows with one value of a column against those with "
                     "another, as version=v1_two_pass:v2_registers or kernel_set=baseline:best; "
                     "BASE.csv and NEW.csv may then be one file");
}

void add_output_options(CLI::App& command, OutputOptions& options) {
  command.add_flag("--markdown", options.print.markdown, "Markdown in place of text");
  command.add_flag("--only-changes", options.print.only_changes,
                   "Leave out rows that are the same");
  command.add_option("--csv", options.csv, "Also write a CSV with a row for each compared row");
  command.add_option("--json", options.json, "Also write all of it as JSON");
}

void write_comparison(const Comparison& comparison, const Side& base, const Side& current,
                      const CompareSettings& settings, const OutputOptions& options,
                      std::ostream& out) {
  out << describe_comparison(comparison, base, current, settings, options.print);
  if (!options.csv.empty()) write_whole_file(options.csv, comparison_csv(comparison));
  if (!options.json.empty())
    write_whole_file(options.json, comparison_json(comparison, base, current, settings));
}

}  // namespace assay::reports
