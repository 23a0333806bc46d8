// What was built, and from what: reports and reproductions name it.
#pragma once

namespace assay::suites {

struct BuildInfo {
  const char* commit;  ///< Full hash; "" without a git history and ASSAY_COMMIT.
  bool dirty;          ///< With changes that are in no commit.
  const char* flags;   ///< Build type, compiler, sanitizers.
  const char* nvcc;    ///< Its version; "" on the emulated device.
  const char* arch;    ///< As CMAKE_CUDA_ARCHITECTURES has it.
  const char* torch;   ///< LibTorch's version.
};

/// In a file of its own, so that another commit means compiling one small file.
const BuildInfo& build_info();

}  // namespace assay::suites
