// Included before everything else in traced device code: functions of the C library that read or
// write through pointers, which nothing instruments, are called through the trace. Sizes that the
// compiler turns into one load and one store stay with it, as those are instrumented.
#pragma once

#include <stddef.h>

extern "C" {
void* assay_traced_memcpy(void* to, const void* from, size_t bytes) noexcept;
void* assay_traced_memmove(void* to, const void* from, size_t bytes) noexcept;
void* assay_traced_memset(void* to, int value, size_t bytes) noexcept;

void assay_libm_sincos(double x, double* sine, double* cosine) noexcept __asm__("sincos");
void assay_libm_sincosf(float x, float* sine, float* cosine) noexcept __asm__("sincosf");

#define ASSAY_REDIRECT \
  extern inline __attribute__((__always_inline__, __gnu_inline__, __artificial__))
ASSAY_REDIRECT void* memcpy(void* to, const void* from, size_t bytes) noexcept {
  if (__builtin_constant_p(bytes) && (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8)) {
    return __builtin_memcpy(to, from, bytes);
  }
  return assay_traced_memcpy(to, from, bytes);
}
ASSAY_REDIRECT void* memmove(void* to, const void* from, size_t bytes) noexcept {
  return assay_traced_memmove(to, from, bytes);
}
ASSAY_REDIRECT void* memset(void* to, int value, size_t bytes) noexcept {
  return assay_traced_memset(to, value, bytes);
}
ASSAY_REDIRECT void sincos(double x, double* sine, double* cosine) noexcept {
  double s;
  double c;
  assay_libm_sincos(x, &s, &c);
  *sine = s;
  *cosine = c;
}
ASSAY_REDIRECT void sincosf(float x, float* sine, float* cosine) noexcept {
  float s;
  float c;
  assay_libm_sincosf(x, &s, &c);
  *sine = s;
  *cosine = c;
}
#undef ASSAY_REDIRECT
}
