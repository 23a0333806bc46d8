#include "suites/build_info.h"

#include "assay_build_info.h"

namespace assay::suites {

const BuildInfo& build_info() {
  static constexpr BuildInfo INFO{ASSAY_BUILD_COMMIT, ASSAY_BUILD_DIRTY, ASSAY_BUILD_FLAGS,
                                  ASSAY_BUILD_NVCC,   ASSAY_BUILD_ARCH,  ASSAY_BUILD_TORCH};
  return INFO;
}

}  // namespace assay::suites
