// Conversion between the floating dtypes of checkpoints, on the host.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device/dtype.h"

namespace assay {

/// IEEE binary16, round to nearest even; NaN stays NaN, overflow becomes infinity.
std::uint16_t float_to_half(float value);
float half_to_float(std::uint16_t bits);
/// bfloat16, round to nearest even; NaN stays NaN.
std::uint16_t float_to_bfloat16(float value);
float bfloat16_to_float(std::uint16_t bits);

/// out[i] = from[i] for `count` elements, each rounded once. Both dtypes floating; neither pointer
/// needs more than byte alignment. Runs on the calling thread.
void convert(DType out_dtype, void* out, DType from_dtype, const void* from, std::size_t count);

}  // namespace assay
