# Every third-party library, found once. `ci/setup` installs what is missing here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
include(FindLibTorch)  # assay::torch, and assay::cuda_headers without a CUDA toolkit

# SentencePiece: the processor, and the trainer for reference/'s tokenizer.
find_path(SENTENCEPIECE_INCLUDE_DIR sentencepiece_processor.h REQUIRED)
find_library(SENTENCEPIECE_LIBRARY sentencepiece REQUIRED)
find_library(SENTENCEPIECE_TRAIN_LIBRARY sentencepiece_train)
add_library(assay_sentencepiece INTERFACE)
add_library(assay::sentencepiece ALIAS assay_sentencepiece)
target_include_directories(assay_sentencepiece SYSTEM INTERFACE ${SENTENCEPIECE_INCLUDE_DIR})
target_link_libraries(assay_sentencepiece INTERFACE ${SENTENCEPIECE_LIBRARY})

# libcsv: RFC 4180 parsing for reports/.
find_path(LIBCSV_INCLUDE_DIR csv.h REQUIRED)
find_library(LIBCSV_LIBRARY csv REQUIRED)
add_library(assay_libcsv INTERFACE)
add_library(assay::libcsv ALIAS assay_libcsv)
target_include_directories(assay_libcsv SYSTEM INTERFACE ${LIBCSV_INCLUDE_DIR})
target_link_libraries(assay_libcsv INTERFACE ${LIBCSV_LIBRARY})

if(ASSAY_DEVICE STREQUAL "cuda")
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  find_package(CUDAToolkit REQUIRED)
else()
  # Boost.Context switches the fibers; OpenBLAS takes cuBLAS's place.
  find_library(BOOST_CONTEXT_LIBRARY boost_context REQUIRED)
  find_path(OPENBLAS_INCLUDE_DIR cblas.h REQUIRED
            PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread openblas-pthread openblas)
  find_library(OPENBLAS_LIBRARY openblas REQUIRED
               PATH_SUFFIXES openblas-pthread)
endif()
