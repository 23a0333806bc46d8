// What the emulated device tells the trace. In a build that does not trace, all of it is nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/device/emulated/thread.h"

#ifdef ASSAY_TRACED
#include "kernels/device/emulated/traced/block_trace.h"
#include "kernels/device/emulated/traced/host_memory.h"
#endif

namespace assay::emulated::traced {

#ifndef ASSAY_TRACED

inline void mark_written(const void*, std::size_t, bool = true) {}
inline void copy_written(const void*, const void*, std::size_t) {}
inline void require_written(const void*, std::size_t, const char*) {}

inline void begin_launch(const std::string&, bool) {}
inline void end_launch(bool) {}

struct Quiet {
  Quiet() {}
  ~Quiet() {}
};

struct BlockTrace {
  void start(std::uint64_t, int, const char*, std::size_t) {}
  void describe_thread(int, const ThreadIndices*, const char*, std::size_t) {}
  void declare_shared(const char*, const char*, std::size_t) {}
  void resume(int) {}
  void pause() {}
  void enter_kernel(int) {}
  void leave_kernel(int) {}
  void fence(bool) {}
  void before_atomic(const void*, std::size_t, const void*) {}
  void after_atomic(const void*) {}
  void open_barrier() {}
  void meet(int, unsigned, bool, WarpOp) {}
  void flush_warp(int) {}
  void finish() {}
};

#endif

}  // namespace assay::emulated::traced
