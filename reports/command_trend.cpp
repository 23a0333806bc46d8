#include <iostream>
#include <memory>
#include <string>

#include "reports/commands.h"
#include "reports/compare_options.h"
#include "reports/html/page.h"
#include "reports/outputs.h"
#include "reports/pending_file.h"
#include "reports/trend.h"

namespace assay::reports {

void add_trend_command(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string folder;
    std::string output;
    double least_percent = 3;
    double false_alarm_percent = 1;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("trend", "Find the steps in a series of reports, run by run");
  command->add_option("DIR", arguments->folder, "Folder of reports, *.csv")->required();
  command->add_option("--out,-o", arguments->output, "Also write a page with a chart per case");
  command->add_option("--least", arguments->least_percent, "Smallest step to tell, in percent")
      ->check(number_in(0, 1000))
      ->capture_default_str();
  command
      ->add_option("--false-alarm", arguments->false_alarm_percent,
                   "Chance of a step in a series that has none, in percent")
      ->check(number_in(0.1, 50))
      ->capture_default_str();
  command->footer("Exit code: 0, steps or not; 2 if a report had errors in it.");
  command->callback([arguments, &exit_code] {
    if (!arguments->output.empty()) require_chart_library();
    const TrendOptions options{arguments->least_percent / 100,
                               arguments->false_alarm_percent / 100};
    check_outputs({reports_in(arguments->folder), {arguments->output}, {}});
    bool bad = false;
    const auto reports = read_folder(arguments->folder, bad, std::cerr);
    const Trend trend = make_trend(reports, options);
    std::cout << describe_steps(trend, options);
    if (!arguments->output.empty()) {
      PendingFile file(arguments->output, render_trend(trend, options));
      file.commit();
      std::cout << arguments->output << "\n";
    }
    exit_code = bad ? 2 : 0;
  });
}

}  // namespace assay::reports
