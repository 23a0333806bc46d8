// bisect: which commit, which kernel version, which layer and op broke it.
#include <exception>
#include <filesystem>
#include <iostream>

#include "ci/bisect/commands.h"
#include "ci/bisect/process.h"
#include "kernels/device/error.h"

namespace {

using assay::bisect::Outcome;

int exit_with(Outcome outcome) { return static_cast<int>(outcome); }

}  // namespace

int main(int argc, char** argv) {
  assay::bisect::install_interrupt_handler();
  CLI::App app("Finds what broke it. Never confidently wrong: what it cannot tell, it says.",
               "bisect");
  app.require_subcommand(1);
  app.footer(
      "Exit code: 0 found; 1 not reproducible here; 2 bad input; 3 unclear; 130 interrupted.");
  Outcome outcome = Outcome::kUnclear;
  assay::bisect::add_commits_command(app, outcome);
  assay::bisect::add_versions_command(app, outcome);
  assay::bisect::add_layers_command(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_with(Outcome::kBadInput);
  } catch (const assay::bisect::Interrupted&) {
    std::cerr << "\nbisect: interrupted; --resume goes on from here\n";
    return exit_with(Outcome::kInterrupted);
  } catch (const assay::InputError& error) {
    std::cerr << "bisect: " << error.what() << "\n";
    return exit_with(Outcome::kBadInput);
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "bisect: " << error.what() << "\n";
    return exit_with(Outcome::kBadInput);
  } catch (const std::exception& error) {
    std::cerr << "bisect: " << error.what() << "\n";
    return exit_with(Outcome::kUnclear);
  }
  if (!std::cout.flush()) {
    std::cerr << "bisect: writing to standard output failed\n";
    return exit_with(Outcome::kBadInput);
  }
  return exit_with(outcome);
}
