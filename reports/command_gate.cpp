#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "kernels/device/error.h"
#include "reports/baseline.h"
#include "reports/commands.h"
#include "reports/compare_options.h"
#include "reports/identity.h"
#include "reports/outputs.h"
#include "reports/policy.h"
#include "reports/summary.h"

namespace assay::reports {
namespace {

struct Arguments {
  std::string current;
  std::string folder;
  std::string policy;
  bool update = false;
  OutputOptions output;
};

void print_findings(const std::vector<GateFailure>& findings, bool markdown) {
  for (const auto& [row, finding] : findings) {
    std::cout << (markdown ? "- " : "  ") << name_of(finding->verdict) << " "
              << row_name(row->row());
    if (finding->verdict == Verdict::kSlower) std::cout << ": " << percent(row->time->change());
    if (!finding->detail.empty()) std::cout << ": " << finding->detail;
    std::cout << "\n";
  }
}

void print_result(const GateResult& result, bool markdown) {
  for (const std::string& note : result.notes) std::cout << "note: " << note << "\n";
  if (result.failures.empty()) {
    std::cout << "gate: passed\n";
    return;
  }
  std::cout << fmt::format("gate: failed, by {} finding{}\n", result.failures.size(),
                           result.failures.size() == 1 ? "" : "s");
  print_findings(result.failures, markdown);
}

// What is wrong in a baseline is no finding ever after, so none is made of such a report, whatever
// the policy lets pass. Says so, and returns whether it is.
bool refuse_bad_rows(const Report& report) {
  const auto bad = std::ranges::count_if(report.rows, has_bad_status);
  if (bad == 0) return false;
  const Row& first = *std::ranges::find_if(report.rows, has_bad_status);
  std::cout << fmt::format(
      "gate: no baseline is made of {}: rows that do not pass: {}, the first {} ({}); mend them, "
      "or leave out --update-baseline\n",
      report.file, bad, row_name(first), first.text("status"));
  return true;
}

// A slowdown that is UNCLEAR in one run and the baseline of the next would never be found: of such
// rows the baseline keeps what it has. Says which.
Side with_unjudged_kept(const Side& current, const Side& base, const GateResult& result,
                        bool markdown) {
  if (result.unjudged.empty()) return current;
  std::vector<const Row*> kept;
  for (const GateFailure& unjudged : result.unjudged) kept.push_back(unjudged.row->base);
  std::cout << fmt::format(
      "gate: the baseline keeps {} times of before, as those of now were not judged; measure with "
      "more samples, or allow these in the policy\n",
      result.unjudged.size());
  print_findings(result.unjudged, markdown);
  return keep_rows(current, base, kept);
}

int gate(const Arguments& arguments) {
  check_outputs({{arguments.current, arguments.policy},
                 {arguments.output.csv, arguments.output.json},
                 arguments.folder});
  const Policy policy = arguments.policy.empty() ? default_policy() : read_policy(arguments.policy);
  const Side current = read_side(arguments.current);
  bool damaged = print_diagnostics(current.report, std::cerr);
  const auto store = [&](const Side& side) {
    // Not before it can be read why.
    if (!std::cout.flush())
      throw InputError(arguments.folder +
                       ": left as it is, as writing to standard output failed; make room for it");
    const auto stored = store_baseline(arguments.folder, side);
    std::cout << "gate: the baseline is now " << stored.string() << "\n";
  };
  const FoundBaseline found = find_baseline(arguments.folder, current.report);
  if (found.path.empty()) {
    const std::string message =
        fmt::format("{}: no baseline of the device and GPU of {}; there are {}", arguments.folder,
                    arguments.current, found.instead);
    if (!arguments.update || damaged)
      throw InputError(message +
                       (damaged ? "" : ". --update-baseline makes this report the first"));
    std::cout << message << "\n";
    if (refuse_bad_rows(current.report)) return 1;
    store(current);
    return 0;
  }
  const Side base = read_side(found.path);
  damaged = print_diagnostics(base.report, std::cerr) || damaged;
  const CompareSettings settings = policy.settings();
  const Comparison comparison = compare(base, current, settings);
  write_comparison(comparison, base, current, settings, arguments.output, std::cout);
  const GateResult result = apply_policy(policy, comparison, utc_now().substr(0, 10));
  print_result(result, arguments.output.print.markdown);
  const int exit_code = damaged ? 2 : result.failures.empty() ? 0 : 1;
  if (arguments.update && exit_code == 0 && !refuse_bad_rows(current.report))
    store(with_unjudged_kept(current, base, result, arguments.output.print.markdown));
  if (arguments.update && exit_code != 0)
    std::cout << "gate: the baseline was left as it is; allow in the policy what may pass\n";
  std::cout.flush();
  return exit_code;
}

}  // namespace

void add_gate_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("gate", "Stop what a policy does not let pass, against a baseline");
  command->add_option("NEW.csv", arguments->current, "The report to judge")->required();
  command
      ->add_option("--baseline", arguments->folder,
                   "Folder of reports; the newest of the same device and GPU counts")
      ->required();
  command->add_option("--policy", arguments->policy, "JSON; see reports/README.md for its form");
  command->add_flag(
      "--update-baseline", arguments->update,
      "If the gate passes and no row of NEW.csv fails, make it the baseline, but for times "
      "that were not judged");
  add_output_options(*command, arguments->output);
  command->footer(
      "Exit code: 0 if the policy lets everything pass; 1 if it does not, or if rows that fail\n"
      "keep NEW.csv from being the first baseline; 2 if a file had errors in it or no baseline "
      "fits.");
  command->callback([arguments, &exit_code] { exit_code = gate(*arguments); });
}

}  // namespace assay::reports
