// The subcommands of `bisect`, one each.
#pragma once

#include <CLI/CLI.hpp>

#include "ci/bisect/result.h"

namespace assay::bisect {

/// Each adds its subcommand to `app`; when it was the one asked for, its work is done during
/// app.parse() and `outcome` is set.
void add_commits_command(CLI::App& app, Outcome& outcome);
void add_versions_command(CLI::App& app, Outcome& outcome);
void add_layers_command(CLI::App& app, Outcome& outcome);

}  // namespace assay::bisect
