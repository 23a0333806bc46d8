// How a program that uses LibTorch ends.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace assay::reference {

/// Flushes and ends the process without running static destructors: those of LibTorch 2.11's
/// operator registry have aborted ("free(): invalid pointer") after all work was done, where a
/// program had two copies of libstdc++ (FindLibTorch.cmake). std::at_quick_exit handlers run.
[[noreturn]] inline void leave(int exit_code) {
  std::fflush(nullptr);
  std::quick_exit(exit_code);
}

}  // namespace assay::reference
