#include "suites/data_paths.h"

namespace assay::suites {

const DataPaths& data_paths() {
  static constexpr DataPaths PATHS{ASSAY_GOLDEN_JSON, ASSAY_HELD_OUT, ASSAY_SHIPPED_CHECKPOINT};
  return PATHS;
}

}  // namespace assay::suites
