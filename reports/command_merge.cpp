#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "reports/commands.h"
#include "reports/merge.h"

namespace assay::reports {

void add_merge_command(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string output;
    std::vector<std::string> inputs;
    MergeOptions options;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("merge", "Write the rows of several reports into one");
  command->add_option("OUT.csv", arguments->output, "The report to write")->required();
  command->add_option("IN.csv", arguments->inputs, "Reports; raw samples beside them come along")
      ->required();
  command->add_flag("--mixed-machines", arguments->options.mixed_machines,
                    "Let rows of several devices or GPUs meet");
  command->add_flag("--drop-bad", arguments->options.drop_bad,
                    "Merge the good rows of inputs with errors in them");
  command->add_flag("--overwrite", arguments->options.overwrite, "Replace OUT.csv");
  command->footer(
      "Exit code: 0; 2 if nothing was written (an input with errors, rows of one run and row_id "
      "that differ, mixed machines), or bad rows were dropped.");
  command->callback([arguments, &exit_code] {
    exit_code = merge_reports(arguments->inputs, arguments->output, arguments->options, std::cout,
                              std::cerr);
  });
}

}  // namespace assay::reports
