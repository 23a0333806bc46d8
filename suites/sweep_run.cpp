#include "suites/sweep_run.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "kernels/device/error.h"
#include "reports/identity.h"
#include "suites/interrupt.h"
#include "suites/rows.h"

namespace assay::suites {

namespace {

bool failed(const reports::Row& row) {
  const std::string& status = row.text("status");
  return status != "PASS" && status != "SKIP";
}

// What rows of one report share. An emulated build leaves nvcc_version to --resources.
constexpr const char* SHARED[] = {"device", "gpu_name", "driver",       "cuda_runtime", "host_cpu",
                                  "commit", "dirty",    "nvcc_version", "build_flags",  "seed"};

}  // namespace

std::vector<reports::Row> rows_to_resume(const std::string& csv, std::uint64_t seed) {
  std::vector<reports::Row> rows = reports::resumable_rows(csv);
  const reports::Row now = common_row("kernel", seed);
  for (const reports::Row& row : rows) {
    for (const char* name : SHARED) {
      const std::size_t column = reports::column_index(name);
      if (now.cell(column).empty() || row.cell(column) == now.cell(column)) continue;
      throw InputError(fmt::format(
          "{}: --resume: its rows are of {} '{}', and those of this sweep would be of '{}'; write "
          "to another file by --csv",
          csv, name, row.cell(column), now.cell(column)));
    }
  }
  const std::string samples = reports::samples_path(csv).string();
  const bool timed = std::any_of(rows.begin(), rows.end(),
                                 [](const reports::Row& row) { return row.has("t_median_us"); });
  if (timed && !std::filesystem::exists(samples)) {
    throw InputError(fmt::format(
        "{}: --resume: {} with the samples of its times is not there; put it back, or write to "
        "another file by --csv",
        csv, samples));
  }
  return rows;
}

SweepReport::SweepReport(const std::string& csv, bool resume) {
  if (csv.empty()) return;
  const auto on_existing = resume ? reports::OnExisting::kResume : reports::OnExisting::kRefuse;
  rows_.emplace(csv, on_existing);
  samples_.emplace(reports::samples_path(csv), on_existing);
}

bool SweepReport::has(const reports::Row& row) const {
  return rows_ && rows_->has(reports::make_row_id(row));
}

void SweepReport::add(const reports::Row& row, const std::vector<double>& samples_us) {
  if (failed(row)) ++failures_;
  if (!rows_) return;
  if (!samples_us.empty()) {
    samples_->write(row.text("run_id"), reports::make_row_id(row), samples_us);
  }
  rows_->write(row);
}

namespace {

struct Row {
  bool chosen = false;
  bool present = false;  // in the report that is resumed
  std::optional<reports::Row> result;

  bool to_do() const { return chosen && !present && !result; }
};

struct Entry {
  SweepCase what;
  std::vector<Row> rows;
  bool done = false;

  std::size_t to_do() const {
    return static_cast<std::size_t>(
        std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.to_do(); }));
  }
  bool timed(std::size_t row) const { return rows[row].to_do() && what.rows[row].skip.empty(); }
  double guess_s() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) count += timed(i) ? 1 : 0;
    return what.cost.of_rows(count);
  }
};

// Passes on what the user asked to see, until a signal: then rows are only walked through.
class UntilInterrupted : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override { return shown_->ReportContext(context); }
  void ReportRuns(const std::vector<Run>& runs) override {
    if (interrupted() == 0) shown_->ReportRuns(runs);
  }
  void Finalize() override { shown_->Finalize(); }

 private:
  std::unique_ptr<BenchmarkReporter> shown_{benchmark::CreateDefaultDisplayReporter()};
};

class Silent : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

Measured skipped(const SweepRow& row) {
  Measured measured{row.identity, {}};
  measured.row.set("status", "SKIP").set("reason", row.skip);
  return measured;
}

Measured failed(const SweepRow& row, const std::exception& error) {
  Measured measured{row.identity, {}};
  measured.row.set("status", "ERROR").set("reason", error.what());
  fmt::print(stderr, "{}: {}\n", row.name, error.what());
  return measured;
}

// The rows' answers. One that throws takes no other with it: they are measured again alone.
std::vector<Measured> measure(const SweepCase& c, const std::vector<SweepRow>& rows) {
  std::vector<Measured> all;
  try {
    all = c.measure(rows);
  } catch (const std::exception& error) {
    if (rows.size() == 1) return {failed(rows[0], error)};
    for (const SweepRow& row : rows) {
      const std::vector<Measured> one = measure(c, {row});
      all.insert(all.end(), one.begin(), one.end());
    }
  }
  return all;
}

}  // namespace

struct SweepRun::State {
  std::vector<Entry> entries;
  CostModel cost;
  std::set<std::vector<std::string>> set_up;  // what is shared and made already
  enum class Mode : std::uint8_t { kFind, kRun } mode = Mode::kFind;
  SweepReport* report = nullptr;
  Progress* progress = nullptr;
  std::size_t rows_done = 0;
  std::size_t rows_to_do = 0;

  double left_s() const;
  void run_case(Entry& entry);
  void run_row(Entry& entry, std::size_t row, benchmark::State& state);
};

double SweepRun::State::left_s() const {
  double seconds = 0.0;
  std::set<std::vector<std::string>> counted = set_up;
  for (const Entry& entry : entries) {
    if (entry.done || entry.guess_s() == 0.0) continue;
    seconds += cost.expected_s(entry.what.kind, entry.guess_s());
    if (counted.insert(entry.what.kept).second) seconds += entry.what.cost.setup_s;
  }
  return seconds;
}

void SweepRun::State::run_case(Entry& entry) {
  using Clock = std::chrono::steady_clock;
  const SweepCase& c = entry.what;
  progress->show({rows_done, rows_to_do, left_s(), c.name});
  std::vector<SweepRow> chosen;
  for (std::size_t i = 0; i < c.rows.size(); ++i) {
    if (entry.timed(i)) chosen.push_back(c.rows[i]);
  }
  const double guess_s = entry.guess_s();
  const auto start = Clock::now();
  std::vector<Measured> measured;
  if (!chosen.empty()) measured = measure(c, chosen);
  const double took_s = std::chrono::duration<double>(Clock::now() - start).count();
  if (measured.size() != chosen.size()) {
    throw Error(fmt::format("{}: {} answers for {} rows", c.name, measured.size(), chosen.size()));
  }
  progress->clear();
  if (!chosen.empty()) {
    // What was set up for later cases too says nothing of this kind's cost.
    const bool first = set_up.insert(c.kept).second && c.cost.setup_s > 0.0;
    if (!first) cost.observe(c.kind, guess_s, took_s);
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < entry.rows.size(); ++i) {
    Row& row = entry.rows[i];
    if (!row.to_do()) continue;
    const Measured one = entry.timed(i) ? measured[next++] : skipped(c.rows[i]);
    report->add(one.row, one.samples_us);
    row.result = one.row;
    ++rows_done;
  }
  entry.done = true;
  entry.what.measure = nullptr;  // and with the last of them what they share
}

void SweepRun::State::run_row(Entry& entry, std::size_t index, benchmark::State& state) {
  Row& row = entry.rows[index];
  const auto finish = [&](double seconds) {
    for ([[maybe_unused]] const auto _ : state) state.SetIterationTime(seconds);
  };
  if (mode == Mode::kFind) {
    row.chosen = true;
    return finish(0.0);
  }
  if (!row.present && !row.result && interrupted() == 0) {
    try {
      run_case(entry);
    } catch (const Interrupted&) {  // no row of the case is written
    }
  }
  if (row.present) {
    state.SetLabel("already in the report");
    return finish(0.0);
  }
  if (!row.result) return state.SkipWithError("interrupted");
  const std::optional<double> median_us = row.result->real("t_median_us");
  finish(median_us.value_or(0.0) * 1e-6);
  state.SetLabel(row.result->text("status"));
  for (const char* column : {"gb_per_s", "tflop_per_s", "roofline_frac", "tok_per_s"}) {
    if (const auto value = row.result->real(column)) state.counters[column] = *value;
  }
  if (!median_us && row.result->text("status") != "SKIP") {
    state.SkipWithError(row.result->text("status").c_str());
  }
}

SweepRun::SweepRun(std::vector<SweepCase> cases) : state_(std::make_unique<State>()) {
  for (SweepCase& c : cases) {
    std::vector<Row> rows(c.rows.size());
    state_->entries.push_back({std::move(c), std::move(rows)});
  }
  for (Entry& entry : state_->entries) {
    for (std::size_t row = 0; row < entry.rows.size(); ++row) {
      benchmark::RegisterBenchmark(entry.what.rows[row].name.c_str(),
                                   [all = state_.get(), &entry, row](benchmark::State& state) {
                                     all->run_row(entry, row, state);
                                   })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

SweepRun::~SweepRun() { benchmark::ClearRegisteredBenchmarks(); }

void SweepRun::find_chosen() {
  state_->mode = State::Mode::kFind;
  Silent silent;
  benchmark::RunSpecifiedBenchmarks(&silent);
  if (rows_chosen() == 0) throw InputError("sweep: no row passes --benchmark_filter");
}

int SweepRun::leave_out(const std::vector<reports::Row>& existing) {
  std::map<std::string, bool> failed_by_id;
  for (const reports::Row& row : existing) failed_by_id[row.text("row_id")] = failed(row);
  int failures = 0;
  for (Entry& entry : state_->entries) {
    for (std::size_t i = 0; i < entry.rows.size(); ++i) {
      Row& row = entry.rows[i];
      const auto found = failed_by_id.find(reports::make_row_id(entry.what.rows[i].identity));
      row.present = found != failed_by_id.end();
      if (row.present && row.chosen && found->second) ++failures;
    }
  }
  return failures;
}

std::size_t SweepRun::rows_chosen() const {
  std::size_t rows = 0;
  for (const Entry& entry : state_->entries) {
    for (const Row& row : entry.rows) rows += row.chosen ? 1 : 0;
  }
  return rows;
}

std::size_t SweepRun::rows_to_do() const {
  std::size_t rows = 0;
  for (const Entry& entry : state_->entries) rows += entry.to_do();
  return rows;
}

std::size_t SweepRun::cases_to_do() const {
  return static_cast<std::size_t>(std::count_if(state_->entries.begin(), state_->entries.end(),
                                                [](const Entry& e) { return e.to_do() > 0; }));
}

double SweepRun::left_s() const { return state_->left_s(); }

void SweepRun::list() const {
  for (const Entry& entry : state_->entries) {
    std::size_t timed = 0;
    for (std::size_t i = 0; i < entry.rows.size(); ++i) timed += entry.timed(i) ? 1 : 0;
    for (std::size_t i = 0; i < entry.rows.size(); ++i) {
      const SweepRow& row = entry.what.rows[i];
      if (entry.timed(i)) {
        fmt::print("{}  {:.2f} s\n", row.name, entry.guess_s() / static_cast<double>(timed));
      } else if (entry.rows[i].to_do()) {
        fmt::print("{}  SKIP: {}\n", row.name, row.skip);
      }
    }
  }
}

void SweepRun::run(SweepReport& report, Progress& progress) {
  state_->mode = State::Mode::kRun;
  state_->report = &report;
  state_->progress = &progress;
  state_->rows_to_do = rows_to_do();
  UntilInterrupted reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  progress.clear();
}

}  // namespace assay::suites
