#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/commands.h"
#include "reports/outputs.h"
#include "reports/pending_file.h"
#include "reports/summary.h"
#include "reports/work_baseline.h"

namespace assay::reports {
namespace {

struct Arguments {
  std::vector<std::string> inputs;
  std::string baseline;
  bool update = false;
  bool counted_only = false;
};

// All inputs as one report. `damaged` becomes true where one has errors in it.
Report read_inputs(const std::vector<std::string>& inputs, bool& damaged) {
  Report all;
  for (const std::string& input : inputs) {
    Side side = read_side(input);
    damaged = print_diagnostics(side.report, std::cerr) || damaged;
    all.file += (all.file.empty() ? "" : ", ") + side.report.file;
    for (Row& row : side.report.rows) all.rows.push_back(std::move(row));
  }
  return all;
}

int work(const Arguments& arguments) {
  if (arguments.update)
    check_outputs({{arguments.inputs.begin(), arguments.inputs.end()}, {arguments.baseline}, {}});
  bool damaged = false;
  const Report current = read_inputs(arguments.inputs, damaged);
  if (arguments.update) {
    if (damaged) throw InputError(current.file + ": no baseline is made of damaged reports");
    if (arguments.counted_only)
      throw InputError("--update and --counted-only: a baseline is whole");
    const std::string text = format_work(current);
    write_whole_file(arguments.baseline, text);
    std::cout << fmt::format("work: {} holds {} rows now\n", arguments.baseline,
                             parse_work(text, arguments.baseline).rows.size());
    return 0;
  }
  const Report baseline = parse_work(read_file(arguments.baseline), arguments.baseline);
  const WorkCheck check = check_work(baseline, current, arguments.counted_only);
  for (const std::string& difference : check.differences) std::cout << difference << "\n";
  for (const std::string& difference : check.not_judged) std::cout << difference << "\n";
  if (!check.not_judged.empty())
    std::cout << fmt::format(
        "work: in {} rows another compiler may be the reason. With this compiler, --update on the "
        "commit before the change, then hold the change against that\n",
        check.not_judged.size());
  if (!check.differences.empty()) {
    std::cout << fmt::format(
        "work: {} of {} rows differ from {}; --update if that is meant, and commit it\n",
        check.differences.size(), check.rows, arguments.baseline);
    return 1;
  }
  if (damaged || !check.not_judged.empty()) return 2;
  std::cout << fmt::format("work: the {} rows of {} are as they were{}\n", check.rows,
                           arguments.baseline,
                           arguments.counted_only ? "; compiled columns were not looked at" : "");
  return 0;
}

}  // namespace

void add_work_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "work", "Hold counted and compiled columns against a text that is committed");
  command->add_option("NEW.csv", arguments->inputs, "Reports of one build")->required();
  command->add_option("--baseline", arguments->baseline, "The text")->required();
  command->add_flag("--update", arguments->update, "Write the text anew instead");
  command->add_flag("--counted-only", arguments->counted_only,
                    "Leave out compiled columns, as where there is no nvcc");
  command->footer(
      "Exit code: 0 if nothing differs; 1 if anything does, less work included; 2 if another\n"
      "compiler may be behind all that does, or a file had errors in it.");
  command->callback([arguments, &exit_code] { exit_code = work(*arguments); });
}

}  // namespace assay::reports
