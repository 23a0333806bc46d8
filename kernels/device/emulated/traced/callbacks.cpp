// What instrumented code calls: the interface of the compiler's ThreadSanitizer pass, answered by
// the trace in the place of ThreadSanitizer's own library. Outside device code all of it returns
// at once, as inline functions of headers may have come into the program in their traced form.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/device/emulated/traced/block_trace.h"

namespace assay::emulated::traced {

namespace {

inline void trace(const void* pointer, std::size_t bytes, Access access, const void* site) {
  Lane* const lane = current_lane;
  if (lane == nullptr) return;
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (address - lane->stack < lane->stack_bytes) return;  // a thread's own: registers on a GPU
  if (address - reinterpret_cast<std::uintptr_t>(lane->indices) < sizeof(ThreadIndices)) return;
  if (pointer == &current_indices) return;
  current_lane = nullptr;
  lane->block->access(*lane, address, bytes, access, site);
  current_lane = lane;
}

}  // namespace
}  // namespace assay::emulated::traced

#define SITE __builtin_return_address(0)
using assay::emulated::traced::Access;
using assay::emulated::traced::trace;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

#define ASSAY_ACCESS(bytes)                                                            \
  void __tsan_read##bytes(void* p) { trace(p, bytes, Access::kRead, SITE); }           \
  void __tsan_write##bytes(void* p) { trace(p, bytes, Access::kWrite, SITE); }         \
  void __tsan_unaligned_read##bytes(void* p) { trace(p, bytes, Access::kRead, SITE); } \
  void __tsan_unaligned_write##bytes(void* p) { trace(p, bytes, Access::kWrite, SITE); }
ASSAY_ACCESS(1)
ASSAY_ACCESS(2)
ASSAY_ACCESS(4)
ASSAY_ACCESS(8)
ASSAY_ACCESS(16)
#undef ASSAY_ACCESS

void __tsan_read_range(void* p, std::size_t bytes) { trace(p, bytes, Access::kRead, SITE); }
void __tsan_write_range(void* p, std::size_t bytes) { trace(p, bytes, Access::kWrite, SITE); }
void __tsan_vptr_update(void** p, void*) { trace(p, sizeof(*p), Access::kWrite, SITE); }
void __tsan_vptr_read(void** p) { trace(p, sizeof(*p), Access::kRead, SITE); }

void* assay_traced_memcpy(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes > 0) {
    trace(from, bytes, Access::kRead, SITE);
    trace(to, bytes, Access::kWrite, SITE);
  }
  return std::memcpy(to, from, bytes);
}
void* assay_traced_memmove(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes > 0) {
    trace(from, bytes, Access::kRead, SITE);
    trace(to, bytes, Access::kWrite, SITE);
  }
  return std::memmove(to, from, bytes);
}
void* assay_traced_memset(void* to, int value, std::size_t bytes) noexcept {
  if (bytes > 0) trace(to, bytes, Access::kWrite, SITE);
  return std::memset(to, value, bytes);
}

// Atomics: done as they are. Those of kernels are traced in language.h, once for each call and not
// for each attempt of a compare-and-swap.
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type
#define ASSAY_ATOMIC(bits, T)                                                                  \
  T __tsan_atomic##bits##_load(const volatile T* p, int) {                                     \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                               \
  }                                                                                            \
  void __tsan_atomic##bits##_store(volatile T* p, T value, int) {                              \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                              \
  }                                                                                            \
  T __tsan_atomic##bits##_exchange(volatile T* p, T value, int) {                              \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                    \
  }                                                                                            \
  T __tsan_atomic##bits##_fetch_add(volatile T* p, T value, int) {                             \
    return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);                                     \
  }                                                                                            \
  T __tsan_atomic##bits##_fetch_sub(volatile T* p, T value, int) {                             \
    return __atomic_fetch_sub(p, value, __ATOMIC_SEQ_CST);                                     \
  }                                                                                            \
  T __tsan_atomic##bits##_fetch_and(volatile T* p, T value, int) {                             \
    return __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST);                                     \
  }                                                                                            \
  T __tsan_atomic##bits##_fetch_or(volatile T* p, T value, int) {                              \
    return __atomic_fetch_or(p, value, __ATOMIC_SEQ_CST);                                      \
  }                                                                                            \
  T __tsan_atomic##bits##_fetch_xor(volatile T* p, T value, int) {                             \
    return __atomic_fetch_xor(p, value, __ATOMIC_SEQ_CST);                                     \
  }                                                                                            \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T value, int,  \
                                                    int) {                                     \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST,            \
                                       __ATOMIC_SEQ_CST);                                      \
  }                                                                                            \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* expected, T value, int mo, \
                                                  int fail) {                                  \
    return __tsan_atomic##bits##_compare_exchange_strong(p, expected, value, mo, fail);        \
  }                                                                                            \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T expected, T value, int mo,     \
                                               int fail) {                                     \
    __tsan_atomic##bits##_compare_exchange_strong(p, &expected, value, mo, fail);              \
    return expected;                                                                           \
  }
ASSAY_ATOMIC(8, std::uint8_t)
ASSAY_ATOMIC(16, std::uint16_t)
ASSAY_ATOMIC(32, std::uint32_t)
ASSAY_ATOMIC(64, std::uint64_t)
// NOLINTEND(bugprone-macro-parentheses)
#undef ASSAY_ATOMIC

}  // extern "C"
