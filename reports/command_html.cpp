#include <iostream>
#include <memory>
#include <string>

#include "reports/commands.h"
#include "reports/html/html.h"

namespace assay::reports {

void add_html_command(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string input;
    std::string base;
    std::string output;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("html", "Write a report as one page that opens offline");
  command->add_option("IN.csv", arguments->input, "The report")->required();
  command->add_option("--compare", arguments->base, "Also compare it with this report, the base");
  command->add_option("--out,-o", arguments->output, "The page to write")->required();
  command->footer(
      "Exit code: 0; 2 if a report had errors in it (its good rows are in the page). Regressions "
      "are\n"
      "`report compare`'s to judge.");
  command->callback([arguments, &exit_code] {
    exit_code =
        write_html(arguments->input, arguments->base, arguments->output, std::cout, std::cerr);
  });
}

}  // namespace assay::reports
