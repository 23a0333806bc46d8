// stories: prints stories of the generator, one per line.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>

#include "reference/checkpoint/stories.h"

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t count = 10;
  CLI::App app("Little stories from a grammar, one per line");
  app.add_option("--seed", seed, "stream of stories")->capture_default_str();
  app.add_option("--first", first, "number of the first one")->capture_default_str();
  app.add_option("--count", count, "how many")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  for (std::uint64_t i = first; i < first + count; ++i) {
    std::cout << assay::reference::story(seed, i) << '\n';
  }
  return std::cout.flush() ? 0 : 2;
}
