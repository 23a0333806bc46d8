#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "reports/commands.h"
#include "reports/compare_options.h"
#include "reports/self_test.h"
#include "reports/summary.h"

namespace assay::reports {

void add_self_test_command(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::vector<std::string> files;
    CompareOptions options;
    std::size_t trials = 200;
    std::uint64_t seed = 1;
    double at_most = 1;
    bool markdown = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "self-test", "Compare a report with itself: false alarms, and what would be missed");
  command
      ->add_option("FILE.csv", arguments->files,
                   "One report, whose samples are split; or several of the same code, of which "
                   "every pair is compared")
      ->required();
  add_judge_options(*command, arguments->options);
  command->add_option("--trials", arguments->trials, "Random splits of one report")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Seed of the splits")->capture_default_str();
  command
      ->add_option("--at-most", arguments->at_most,
                   "Exit with 1 if a larger share of the reports has a false alarm")
      ->check(number_in(0, 1))
      ->capture_default_str();
  command->add_flag("--markdown", arguments->markdown, "Markdown in place of text");
  command->footer("Exit code: 0; 1 if false alarms pass --at-most; 2 if a file had errors in it.");
  command->callback([arguments, &exit_code] {
    const CompareSettings common = arguments->options.settings();
    const SelfTestSettings settings{common.judge, common.filter, arguments->trials,
                                    arguments->seed};
    std::vector<Side> sides;
    bool damaged = false;
    for (const std::string& file : arguments->files) {
      sides.push_back(read_side(file));
      damaged = print_diagnostics(sides.back().report, std::cerr) || damaged;
      const Row& first = sides.front().report.rows.front();
      const Row& other = sides.back().report.rows.front();
      for (const auto column : {"device", "gpu_name", "commit"})
        if (first.text(column) != other.text(column))
          throw InputError(fmt::format(
              "{}: {} is '{}', but that of {} is '{}'; A against A takes runs of the same code on "
              "the same machine",
              file, column, other.text(column), arguments->files.front(), first.text(column)));
    }
    const SelfTest test = run_self_test(sides, settings);
    std::cout << describe_self_test(test, settings, arguments->markdown) << std::flush;
    const double share =
        static_cast<double>(test.reports_false) / static_cast<double>(test.reports);
    exit_code = damaged ? 2 : share > arguments->at_most ? 1 : 0;
  });
}

}  // namespace assay::reports
