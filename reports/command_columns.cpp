#include <iostream>
#include <memory>

#include "reports/commands.h"
#include "reports/schema.h"

namespace assay::reports {

void add_columns_command(CLI::App& app, int& exit_code) {
  auto markdown = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("columns", "List the columns of a report");
  command->add_flag("--markdown", *markdown, "Markdown in place of text");
  command->callback([markdown, &exit_code] {
    std::cout << describe_columns(*markdown) << std::flush;
    exit_code = 0;
  });
}

}  // namespace assay::reports
