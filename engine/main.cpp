// llama2: generate | perplexity | inspect | make-random | round
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <iostream>

#include "engine/cli.h"
#include "kernels/device/error.h"

namespace {

// A file opened where a standard stream is closed would take its number, and what is printed would
// go into that file. Standard output is opened for reading: writing to it then fails, as it should.
void fill_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// An answer that could not be written is no answer.
int unless_output_failed(int exit_code) {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good()) return exit_code;
  fmt::print(stderr,
             "llama2: writing to standard output failed: expected a place that takes all of the "
             "output, found it closed or full\n");
  return 2;
}

int run(int argc, char** argv) {
  CLI::App app("Llama 2 on the device that this program was built for");
  app.require_subcommand(1);
  const std::function<void()> commands[] = {
      assay::add_generate(app),    assay::add_perplexity(app), assay::add_inspect(app),
      assay::add_make_random(app), assay::add_round(app),
  };
  try {
    app.parse(argc, argv);
    for (const auto& command : commands) command();
    return 0;
  } catch (const CLI::ParseError& error) {
    // What is missing says little where a misspelt name is why it is missing.
    if (const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
        error.get_exit_code() != 0 && !unknown.empty()) {
      fmt::print(stderr, "llama2: unknown argument '{}': ", unknown.front());
    }
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const assay::InputError& error) {
    fmt::print(stderr, "llama2: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "llama2: {}\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  fill_closed_streams();
  return unless_output_failed(run(argc, argv));
}
