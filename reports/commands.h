// The subcommands of `report`, one file each.
#pragma once

#include <CLI/CLI.hpp>

namespace assay::reports {

/// Each adds its subcommand to `app`; when it was the one asked for, its work is done during
/// app.parse() and `exit_code` is set.
void add_show_command(CLI::App& app, int& exit_code);
void add_columns_command(CLI::App& app, int& exit_code);
void add_compare_command(CLI::App& app, int& exit_code);
void add_gate_command(CLI::App& app, int& exit_code);
void add_self_test_command(CLI::App& app, int& exit_code);
void add_html_command(CLI::App& app, int& exit_code);
void add_merge_command(CLI::App& app, int& exit_code);
void add_trend_command(CLI::App& app, int& exit_code);
void add_work_command(CLI::App& app, int& exit_code);

}  // namespace assay::reports
