# LibTorch where `ci/libtorch` finds it. Its own CMake package is not used: it insists on a CUDA
# toolkit wherever torch was built with CUDA.
#   assay::torch         headers (SYSTEM) and libraries; with CUDA's backend in the cuda build
#   assay::cuda_headers  cuda_fp16.h and friends, for host compilers
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../libtorch.version ASSAY_LIBTORCH_VERSION LIMIT_COUNT 1)

if(NOT ASSAY_LIBTORCH)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../libtorch OUTPUT_VARIABLE _assay_torch
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(ASSAY_LIBTORCH "${_assay_torch}" CACHE PATH "Folder of LibTorch: the one with include/ and lib/" FORCE)
endif()
if(NOT ASSAY_LIBTORCH)
  message(FATAL_ERROR "LibTorch ${ASSAY_LIBTORCH_VERSION} was not found, neither as python3's torch nor in "
                      "the user's cache. Run ci/setup, or pass -DASSAY_LIBTORCH=<folder with include/ and lib/>.")
endif()

add_library(assay_torch INTERFACE)
add_library(assay::torch ALIAS assay_torch)
target_include_directories(
  assay_torch SYSTEM INTERFACE ${ASSAY_LIBTORCH}/include
                               ${ASSAY_LIBTORCH}/include/torch/csrc/api/include)
target_link_libraries(assay_torch INTERFACE ${ASSAY_LIBTORCH}/lib/libtorch_cpu.so
                                            ${ASSAY_LIBTORCH}/lib/libc10.so)
target_link_options(assay_torch INTERFACE LINKER:-rpath,${ASSAY_LIBTORCH}/lib)
# Some g++ 13 link their own libstdc++ as an archive. A program would then have two, its exported half of
# the one used by LibTorch, which ends streams with the other: "free(): invalid pointer" in std::locale.
# So the shared one comes first, and nothing is left to take from the archive.
target_link_options(assay_torch INTERFACE LINKER:--no-as-needed -l:libstdc++.so.6 LINKER:--as-needed)
if(ASSAY_DEVICE STREQUAL "cuda")
  # torch_cuda registers itself when it is loaded, so it must not be dropped as unused; its own
  # dependencies (cuDNN, NCCL ...) are resolved where the program runs, not where it is linked.
  target_link_options(assay_torch INTERFACE LINKER:--no-as-needed
                      ${ASSAY_LIBTORCH}/lib/libtorch_cuda.so ${ASSAY_LIBTORCH}/lib/libc10_cuda.so
                      LINKER:--as-needed LINKER:--allow-shlib-undefined)
endif()

find_path(ASSAY_CUDA_HEADERS cuda_fp16.h
          HINTS /usr/local/cuda/include ${ASSAY_LIBTORCH}/../nvidia/cu13/include REQUIRED)
add_library(assay_cuda_headers INTERFACE)
add_library(assay::cuda_headers ALIAS assay_cuda_headers)
target_include_directories(assay_cuda_headers SYSTEM INTERFACE ${ASSAY_CUDA_HEADERS})
