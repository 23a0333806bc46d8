#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "reports/commands.h"
#include "reports/summary.h"

namespace assay::reports {

void add_show_command(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::vector<std::string> files;
    ShowOptions options;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("show", "Print what reports say");
  command->add_option("FILE.csv", arguments->files, "Reports")->required();
  command->add_flag("--failed", arguments->options.failed, "Only the failures");
  command->add_option("--op", arguments->options.ops, "Only rows of this op; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--markdown", arguments->options.markdown, "Markdown in place of text");
  command->footer(
      "Exit code: 0 if every row is PASS or SKIP; 1 if one is not; 2 if a file had errors in it.");
  command->callback([arguments, &exit_code] {
    exit_code = show_reports(arguments->files, arguments->options, std::cout, std::cerr);
  });
}

}  // namespace assay::reports
