#include "kernels/device/properties.h"

namespace assay {

const char* name_of(DeviceKind kind) { return kind == DeviceKind::kCuda ? "cuda" : "emulated"; }

}  // namespace assay
