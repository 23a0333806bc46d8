// Reading the raw samples that SampleWriter wrote beside a report.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "reports/reader.h"

namespace assay::reports {

struct Samples {
  std::string file;
  std::vector<Diagnostic> diagnostics;

  struct Entry {
    std::string run_id;
    std::string row_id;
    std::vector<double> samples_us;  ///< In the order taken.
    std::size_t line = 0;
  };

  /// nullptr where there is none. The last line of a row counts, as SampleWriter says.
  const Entry* find_entry(std::string_view run_id, std::string_view row_id) const;
  const std::vector<double>* find(std::string_view run_id, std::string_view row_id) const;

  /// As a later line than all before.
  void add(Entry entry);

  /// In file order, those that a later line replaced included.
  std::vector<Entry> entries;
  std::unordered_map<std::string, std::size_t> last;  ///< run_id LF row_id -> index in entries.
};

/// Reads lines of {"run_id":..,"row_id":..,"samples_us":[..]}. A line is dropped, with an error at
/// its place, if it is no JSON (NaN is none), has other keys or types, no samples, or a sample that
/// is not above zero. A last line without its line end is dropped as cut. An empty file has no
/// samples.
Samples parse_samples(std::string_view text, const std::string& file);

/// Throws InputError where the file cannot be read.
Samples read_samples(const std::filesystem::path& path);

/// Why the samples, of a file of that name, are not the row's: another number of them than its
/// `samples` says, or another median than its `t_median_us`, where these are there. Or "".
std::string misfit(const Row& row, const std::vector<double>& samples_us, std::string_view file);

/// The error where row `i` has samples that are not its own.
std::optional<Diagnostic> check_samples_of(const Report& report, std::size_t i,
                                           const Samples& samples);

/// Errors where samples and rows do not fit: a row with a time but no samples, or with samples that
/// are not its own. A warning for samples of no row: their run was
/// killed before it wrote the row.
std::vector<Diagnostic> check_samples(const Report& report, const Samples& samples);

}  // namespace assay::reports
