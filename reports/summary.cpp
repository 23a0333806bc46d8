#include "reports/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>

#include "kernels/device/error.h"
#include "reports/table.h"
#include "reports/text.h"

namespace assay::reports {
namespace {

using Rows = std::vector<const Row*>;

constexpr std::size_t MOST_DIAGNOSTICS = 20;
constexpr std::string_view EMULATED_BANNER =
    "EMULATED DEVICE: these times are a CPU's, simulating a GPU. They are not performance.";

std::string value_of(const Row& row, std::string_view column) {
  return printable(row.cell(column_index(column)));
}

// Different values of a column, in order of appearance, the unmeasured left out.
std::vector<std::string> distinct(const Rows& rows, std::string_view column) {
  std::vector<std::string> values;
  for (const Row* row : rows) {
    std::string value = value_of(*row, column);
    if (!value.empty() && std::ranges::count(values, value) == 0)
      values.push_back(std::move(value));
  }
  return values;
}

std::string joined(const std::vector<std::string>& parts, std::string_view glue) {
  return fmt::format("{}", fmt::join(parts, glue));
}

// "label value" of a column, with all its values if the rows differ; nothing if none was measured.
void describe(std::vector<std::string>& parts, const Rows& rows, std::string_view label,
              std::string_view column) {
  const std::string values = joined(distinct(rows, column), " and ");
  if (!values.empty())
    parts.push_back(label.empty() ? values : fmt::format("{} {}", label, values));
}

Rows where(const Rows& rows, const auto& predicate) {
  Rows kept;
  std::ranges::copy_if(rows, std::back_inserter(kept),
                       [&](const Row* row) { return predicate(*row); });
  return kept;
}

// The parts of a document, as aligned text or as Markdown.
class Document {
 public:
  explicit Document(const ShowOptions& options) : options_(options) {}

  void title(const std::string& text) { out_ += (options_.markdown ? "# " : "") + text + "\n\n"; }
  void heading(const std::string& text) {
    out_ += (options_.markdown ? "## " : "") + text + "\n" + (options_.markdown ? "\n" : "");
  }
  void banner(std::string_view text) {
    out_ += options_.markdown ? fmt::format("> **{}**\n\n", text) : fmt::format("*** {}\n\n", text);
  }
  void item(const std::string& label, const std::string& text) {
    out_ += options_.markdown ? fmt::format("- {}: {}\n", label, text)
                              : fmt::format("  {:<8}{}\n", label, text);
  }
  void failure(const std::string& text, const std::string& command) {
    out_ += options_.markdown ? fmt::format("- {}\n", text) : fmt::format("  {}\n", text);
    if (command.empty()) return;
    // Markdown: a code span's fence is longer than any run of backticks in it.
    out_ += options_.markdown ? fmt::format("  ``` {} ```\n", command)
                              : fmt::format("    {}\n", command);
  }
  void table(const Table& table) {
    out_ += (options_.markdown ? table.markdown() : table.text(options_.width)) + "\n";
  }
  void gap() { out_ += "\n"; }
  std::string take() { return std::move(out_); }

 private:
  const ShowOptions& options_;
  std::string out_;
};

void add_origin(Document& doc, const Rows& rows) {
  std::vector<std::string> machine;
  describe(machine, rows, "", "device");
  describe(machine, rows, "", "gpu_name");
  describe(machine, rows, "compute capability", "compute_capability");
  describe(machine, rows, "SMs", "sm_count");
  describe(machine, rows, "driver", "driver");
  describe(machine, rows, "CUDA", "cuda_runtime");
  doc.item("device", joined(machine, ", "));

  std::vector<std::string> host;
  describe(host, rows, "", "host_cpu");
  describe(host, rows, "LibTorch", "torch_version");
  if (!host.empty()) doc.item("host", joined(host, ", "));

  std::vector<std::string> code;
  describe(code, rows, "commit", "commit");
  const auto dirty = distinct(rows, "dirty");
  if (std::ranges::count(dirty, "yes") > 0) code.push_back("with uncommitted changes");
  describe(code, rows, "", "arch");
  describe(code, rows, "nvcc", "nvcc_version");
  describe(code, rows, "", "build_flags");
  if (!code.empty()) doc.item("code", joined(code, ", "));

  auto times = distinct(rows, "utc");
  std::ranges::sort(times);
  doc.item("time", times.size() == 1 ? times.front() : times.front() + " to " + times.back());
}

void add_counts(Document& doc, const Rows& rows) {
  std::vector<std::string> counts;
  for (const std::string_view status : values_of(columns()[column_index("status")])) {
    const auto count =
        std::ranges::count_if(rows, [&](const Row* row) { return row->text("status") == status; });
    if (count > 0) counts.push_back(fmt::format("{} {}", status, count));
  }
  doc.item("rows", fmt::format("{}: {}", rows.size(), joined(counts, ", ")));
}

void add_failures(Document& doc, const Rows& rows) {
  const Rows bad = where(rows, [](const Row& row) { return is_bad_status(row.text("status")); });
  if (bad.empty()) return;
  doc.heading(fmt::format("failures ({})", bad.size()));
  for (const Row* row : bad) {
    std::vector<std::string> what;
    for (const auto column : {"status", "case_id", "version", "kernel_set", "dtype"})
      if (row->has(column)) what.push_back(value_of(*row, column));
    std::string text = joined(what, "  ");
    for (const auto column : {"err_ratio", "max_abs_err", "tolerance"})
      if (const auto value = row->real(column)) text += fmt::format("  {} {:.4g}", column, *value);
    if (row->has("worst_index")) text += "  at element " + value_of(*row, "worst_index");
    doc.failure(text, value_of(*row, "repro_cmd"));
  }
  doc.gap();
}

// A column of a summary table, made from one of the report's.
struct Shown {
  std::string_view title;
  std::string_view column;
  bool may_shrink = false;
  bool only_if_varied = false;                // says nothing where all rows agree
  std::string (*cell)(const Row&) = nullptr;  // in place of that column's value
};

constexpr Shown KERNEL_COLUMNS[] = {
    {"case", "case_id", true},
    {"version", "version", true},
    {"dtype", "dtype"},
    {"phase", "phase", false, true},
    {"cache", "cache", false, true},
    {"graph", "graph", false, true},
    {"status", "status"},
    {"err_ratio", "err_ratio"},
    {"t_median_us", "t_median_us"},
    {"GB/s", "gb_per_s"},
    {"TFLOP/s", "tflop_per_s"},
    {"roofline", "roofline_frac"},
    {"vs LibTorch", "speedup_vs_ref"},
};

constexpr Shown CEILING_COLUMNS[] = {
    {"of", "case_id", true},        {"dtype", "dtype", false, true}, {"t_median_us", "t_median_us"},
    {"GB/s", "gb_per_s"},           {"TFLOP/s", "tflop_per_s"},      {"W", "power_w"},
    {"throttle", "throttle", true},
};

constexpr Shown MODEL_COLUMNS[] = {
    {"case", "case_id", true},
    {"block", "op", false, true},
    {"kernels", "kernel_set", true},
    {"dtype", "dtype"},
    {"phase", "phase"},
    {"batch", "batch"},
    {"kv_len", "kv_len"},
    {"status", "status"},
    {"err_ratio", "err_ratio"},
    {"t_median_us", "t_median_us"},
    {"tok/s", "tok_per_s"},
    {"ttft_ms", "ttft_ms"},
    {"roofline", "roofline_frac"},
};

std::string megabytes(std::optional<double> bytes) { return bytes ? figure(*bytes * 1e-6) : ""; }

// Numbers that do not vary, of one execution. What a library's matrix product moves is not counted,
// so "least" and "own kernels'" are not of the same work where a set calls one.
constexpr Shown STEP_COLUMNS[] = {
    {"case", "case_id", true},
    {"kernels", "kernel_set", true},
    {"dtype", "dtype"},
    {"launches", "launches"},
    {"allocations", "allocations"},
    {"peak MB", "peak_mem_bytes", false, false,
     [](const Row& row) { return megabytes(row.real("peak_mem_bytes")); }},
    {"least MB moved", "bytes", false, false,
     [](const Row& row) { return megabytes(row.real("bytes")); }},
    {"own kernels' MB", "sectors_read", false, false,
     [](const Row& row) { return megabytes(counted_bytes(row)); }},
};

// The case without the op and dtype that it starts with: other cells of the table have them.
std::string case_of(const Row& row) {
  std::string text = row.text("case_id");
  for (const auto column : {"op", "dtype"}) {
    const std::string prefix = row.text(column) + "/";
    if (text.starts_with(prefix) && text.size() > prefix.size()) text.erase(0, prefix.size());
  }
  return text;
}

std::string shown_cell(const Row& row, std::string_view column) {
  if (column == "case_id") return case_of(row);
  if (columns()[column_index(column)].type != ColumnType::kReal) return value_of(row, column);
  const auto value = row.real(column);
  if (!value) return "";
  if (column == "roofline_frac") return fmt::format("{:.1f} %", *value * 100);
  if (column == "speedup_vs_ref") return fmt::format("{:.2f}x", *value);
  return figure(*value);
}

void add_table(Document& doc, const std::string& heading, Rows rows,
               std::span<const Shown> candidates) {
  if (rows.empty()) return;
  std::vector<Shown> shown;
  std::vector<TableColumn> titles;
  for (const Shown& candidate : candidates) {
    if (candidate.only_if_varied && distinct(rows, candidate.column).size() < 2) continue;
    const auto type = columns()[column_index(candidate.column)].type;
    const bool number = type == ColumnType::kInteger || type == ColumnType::kReal;
    shown.push_back(candidate);
    titles.push_back({std::string(candidate.title), number ? Align::kRight : Align::kLeft,
                      candidate.may_shrink});
  }
  // Sweeps run in random order; people look things up.
  std::ranges::stable_sort(rows, [](const Row* a, const Row* b) {
    for (const auto column : {"case_id", "dtype", "version"}) {
      if (natural_less(a->text(column), b->text(column))) return true;
      if (natural_less(b->text(column), a->text(column))) return false;
    }
    return false;
  });
  Table table(std::move(titles));
  for (const Row* row : rows) {
    std::vector<std::string> cells;
    for (const Shown& s : shown)
      cells.push_back(s.cell != nullptr ? s.cell(*row) : shown_cell(*row, s.column));
    table.add(std::move(cells));
  }
  doc.heading(heading);
  doc.table(table);
}

void add_tables(Document& doc, const Rows& rows) {
  const auto of_suite = [&](std::string_view suite) {
    return where(rows, [&](const Row& row) { return row.text("suite") == suite; });
  };
  add_table(doc, "ceilings", of_suite("ceiling"), CEILING_COLUMNS);
  const Rows kernels = of_suite("kernel");
  for (const std::string& op : distinct(kernels, "op"))
    add_table(doc, op, where(kernels, [&](const Row& row) { return value_of(row, "op") == op; }),
              KERNEL_COLUMNS);
  add_table(doc, "kernels of no op", where(kernels, [](const Row& row) { return !row.has("op"); }),
            KERNEL_COLUMNS);
  add_table(doc, "layers", of_suite("layer"), MODEL_COLUMNS);
  add_table(doc, "generation", of_suite("generation"), MODEL_COLUMNS);
  add_table(doc, "work of one step",
            where(of_suite("generation"), [](const Row& row) { return row.has("launches"); }),
            STEP_COLUMNS);
}

bool is_asked_for(const Row& row, const ShowOptions& options) {
  return options.ops.empty() || std::ranges::count(options.ops, row.text("op")) > 0;
}

}  // namespace

bool print_diagnostics(const Report& report, std::ostream& err) {
  const auto& all = report.diagnostics;
  for (std::size_t i = 0; i < std::min(all.size(), MOST_DIAGNOSTICS); ++i)
    err << to_string(all[i]) << "\n";
  if (all.size() > MOST_DIAGNOSTICS)
    err << fmt::format("{}: and {} more\n", report.file, all.size() - MOST_DIAGNOSTICS);
  return report.has_errors();
}

bool is_bad_status(std::string_view status) { return status != "PASS" && status != "SKIP"; }

std::optional<double> counted_bytes(const Row& row) {
  constexpr double SECTOR_BYTES = 32;
  const auto read = row.real("sectors_read");
  const auto written = row.real("sectors_written");
  if (!read || !written) return std::nullopt;
  return SECTOR_BYTES * (*read + *written);
}

std::string summarize_report(const Report& report, const ShowOptions& options) {
  Document doc(options);
  Rows rows;
  for (const Row& row : report.rows)
    if (is_asked_for(row, options)) rows.push_back(&row);
  for (const std::string& run : distinct(rows, "run_id")) {
    const Rows of_run = where(rows, [&](const Row& row) { return value_of(row, "run_id") == run; });
    doc.title(fmt::format("{}, run {}", printable(report.file), run));
    if (std::ranges::count(distinct(of_run, "device"), "emulated") > 0) doc.banner(EMULATED_BANNER);
    add_origin(doc, of_run);
    add_counts(doc, of_run);
    doc.gap();
    add_failures(doc, of_run);
    if (!options.failed) add_tables(doc, of_run);
  }
  return doc.take();
}

int show_reports(std::span<const std::string> files, const ShowOptions& options, std::ostream& out,
                 std::ostream& err) {
  bool unusable = false;
  bool bad_row = false;
  std::size_t shown = 0;
  std::vector<std::string> ops;  // of all files, for the message
  for (const std::string& file : files) {
    try {
      const Report report = read_report(file);
      print_diagnostics(report, err);
      if (report.rows.empty()) err << file << ": has no rows\n";
      unusable = unusable || report.has_errors() || report.rows.empty();
      for (const Row& row : report.rows) {
        if (row.has("op") && std::ranges::count(ops, row.text("op")) == 0)
          ops.push_back(row.text("op"));
        if (!is_asked_for(row, options)) continue;
        ++shown;
        bad_row = bad_row || is_bad_status(row.text("status"));
      }
      out << summarize_report(report, options);
    } catch (const InputError& error) {
      err << error.what() << "\n";
      unusable = true;
    }
  }
  if (!unusable && shown == 0) {
    err << fmt::format("no row is of op {}; there are rows of {}\n", fmt::join(options.ops, " or "),
                       fmt::join(ops, ", "));
    unusable = true;
  }
  out.flush();
  return unusable ? 2 : bad_row ? 1 : 0;
}

}  // namespace assay::reports
