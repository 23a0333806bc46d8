#include "kernels/device/environment.h"
#include "kernels/device/properties.h"

namespace assay {

bool poisons_memory() {
  static const bool poisons = environment_number("ASSAY_POISON", 1, 0, 1) == 1;
  return poisons;
}

const char* name_of(DeviceKind kind) { return kind == DeviceKind::kCuda ? "cuda" : "emulated"; }

}  // namespace assay
