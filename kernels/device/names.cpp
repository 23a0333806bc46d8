#include <cstdlib>
#include <string_view>

#include "kernels/device/properties.h"

namespace assay {

bool poisons_memory() {
  static const bool poisons = [] {
    const char* const text = std::getenv("ASSAY_POISON");
    return text == nullptr || std::string_view(text) != "0";
  }();
  return poisons;
}

const char* name_of(DeviceKind kind) { return kind == DeviceKind::kCuda ? "cuda" : "emulated"; }

}  // namespace assay
