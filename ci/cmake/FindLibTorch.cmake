# LibTorch of the version pinned in ci/libtorch.version: the one inside python3's torch where it has
# that version, else the copy that `ci/setup` put under the user's cache. Its own CMake package is
# not used: it insists on a CUDA toolkit wherever torch was built with CUDA.
#   assay::torch         headers (SYSTEM) and libraries; with CUDA's backend in the cuda build
#   assay::cuda_headers  cuda_fp16.h and friends, for host compilers
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../libtorch.version ASSAY_LIBTORCH_VERSION LIMIT_COUNT 1)

function(_assay_locate_torch out)
  execute_process(
    COMMAND python3 -c "import importlib.util, importlib.metadata as m; assert m.version('torch').split('+')[0] == '${ASSAY_LIBTORCH_VERSION}'; print(importlib.util.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE rc ERROR_QUIET)
  if(rc EQUAL 0 AND EXISTS ${found}/lib/libtorch_cpu.so)
    set(${out} ${found} PARENT_SCOPE)
    return()
  endif()
  set(cache $ENV{XDG_CACHE_HOME})
  if(NOT cache)
    set(cache $ENV{HOME}/.cache)
  endif()
  set(candidate ${cache}/assay/libtorch-${ASSAY_LIBTORCH_VERSION}/torch)
  if(EXISTS ${candidate}/lib/libtorch_cpu.so)
    set(${out} ${candidate} PARENT_SCOPE)
  endif()
endfunction()

if(NOT ASSAY_LIBTORCH)
  _assay_locate_torch(_assay_torch)
  set(ASSAY_LIBTORCH "${_assay_torch}" CACHE PATH "Folder of LibTorch: the one with include/ and lib/")
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
