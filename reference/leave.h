// How a program that uses LibTorch ends.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace assay::reference {

/// Flushes and ends the process without running static destructors: those of LibTorch 2.11's
/// operator registry abort ("free(): invalid pointer" in TorchLibraryInit's destructor) where its
/// CUDA backend is linked by g++ 13, after all work is done. std::at_quick_exit handlers run.
[[noreturn]] inline void leave(int exit_code) {
  std::fflush(nullptr);
  std::quick_exit(exit_code);
}

}  // namespace assay::reference
