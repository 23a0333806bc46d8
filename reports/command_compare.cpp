#include <iostream>
#include <memory>
#include <string>

#include "reports/commands.h"
#include "reports/compare_options.h"
#include "reports/outputs.h"
#include "reports/summary.h"

namespace assay::reports {

void add_compare_command(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string base;
    std::string current;
    CompareOptions options;
    OutputOptions output;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("compare", "Say what changed between two reports");
  command->add_option("BASE.csv", arguments->base, "The report before")->required();
  command->add_option("NEW.csv", arguments->current, "The report after")->required();
  add_judge_options(*command, arguments->options);
  add_row_options(*command, arguments->options);
  add_pair_option(*command, arguments->options);
  add_output_options(*command, arguments->output);
  command->footer(
      "Exit code: 0 if no row is BROKEN, WORSE-ERROR, SLOWER or CHANGED-WORK; 1 if one is; 2 if a\n"
      "file had errors in it, or, without a regression, if rows were INCOMPARABLE.");
  command->callback([arguments, &exit_code] {
    const CompareSettings settings = arguments->options.settings();
    check_outputs({{arguments->base, arguments->current},
                   {arguments->output.csv, arguments->output.json},
                   {}});
    const Side base = read_side(arguments->base);
    const Side current = read_side(arguments->current);
    const bool base_bad = print_diagnostics(base.report, std::cerr);
    const bool damaged = print_diagnostics(current.report, std::cerr) || base_bad;
    const Comparison comparison = compare(base, current, settings);
    write_comparison(comparison, base, current, settings, arguments->output, std::cout);
    std::cout.flush();
    const bool incomparable = comparison.count(Verdict::kIncomparable) > 0;
    exit_code = damaged ? 2 : comparison.has_regression() ? 1 : incomparable ? 2 : 0;
  });
}

}  // namespace assay::reports
