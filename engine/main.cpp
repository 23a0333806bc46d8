// llama2: generate | perplexity | inspect | make-random | round
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "engine/cli.h"
#include "kernels/device/error.h"

int main(int argc, char** argv) {
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
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const assay::InputError& error) {
    fmt::print(stderr, "llama2: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "llama2: {}\n", error.what());
    return 1;
  }
}
