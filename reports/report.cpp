// report: what to do with the CSV files that verify and sweep write.
#include <exception>
#include <iostream>

#include "reports/commands.h"

int main(int argc, char** argv) {
  CLI::App app("Reads the reports that verify and sweep write.", "report");
  app.require_subcommand(1);
  int exit_code = 0;
  assay::reports::add_show_command(app, exit_code);
  assay::reports::add_columns_command(app, exit_code);
  assay::reports::add_compare_command(app, exit_code);
  assay::reports::add_gate_command(app, exit_code);
  assay::reports::add_self_test_command(app, exit_code);
  assay::reports::add_html_command(app, exit_code);
  assay::reports::add_merge_command(app, exit_code);
  assay::reports::add_trend_command(app, exit_code);
  assay::reports::add_work_command(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : 2;  // --help is an "error" of code 0
  } catch (const std::exception& error) {
    std::cerr << "report: " << error.what() << "\n";
    return 2;
  }
  // An answer that could not be written is no answer.
  if (!std::cout.flush()) {
    std::cerr << "report: writing to standard output failed\n";
    return 2;
  }
  return exit_code;
}
