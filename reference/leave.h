// How a program that uses LibTorch ends.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace assay::reference {

/// Flushes and ends the process without running static destructors: those of LibTorch 2.11's
/// operator registry have aborted ("free(): invalid pointer") after all work was done, where a
/// program had two copies of libstdc++ (FindLibTorch.cmake). std::at_quick_exit handlers run. Where
/// standard output was not taken whole (a full disk), 0 becomes 2.
[[noreturn]] inline void leave(int exit_code) {
  const bool lost = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (lost) std::fprintf(stderr, "writing to standard output failed: what was said is not whole\n");
  if (lost && exit_code == 0) exit_code = 2;
  std::fflush(nullptr);
  std::quick_exit(exit_code);
}

}  // namespace assay::reference
