// Included before everything else in traced device code: memory functions of the C library, which
// the compiler does not instrument, are called through the trace. Sizes that the compiler turns
// into one load and one store stay with it, as those are instrumented.
#pragma once

#include <stddef.h>

extern "C" {
void* assay_traced_memcpy(void* to, const void* from, size_t bytes) noexcept;
void* assay_traced_memmove(void* to, const void* from, size_t bytes) noexcept;
void* assay_traced_memset(void* to, int value, size_t bytes) noexcept;

#define ASSAY_REDIRECT \
  extern inline __attribute__((__always_inline__, __gnu_inline__, __artificial__)) void*
ASSAY_REDIRECT memcpy(void* to, const void* from, size_t bytes) noexcept {
  if (__builtin_constant_p(bytes) && (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8)) {
    return __builtin_memcpy(to, from, bytes);
  }
  return assay_traced_memcpy(to, from, bytes);
}
ASSAY_REDIRECT memmove(void* to, const void* from, size_t bytes) noexcept {
  return assay_traced_memmove(to, from, bytes);
}
ASSAY_REDIRECT memset(void* to, int value, size_t bytes) noexcept {
  return assay_traced_memset(to, value, bytes);
}
#undef ASSAY_REDIRECT
}
