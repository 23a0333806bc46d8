# Writes the header that says what was built: run on every build, changes the file only where the
# text does. cmake -DOUT=... -DSOURCE=... -DFLAGS=... -DNVCC=... -DARCH=... -DTORCH=... -P BuildInfo.cmake
execute_process(COMMAND git -C ${SOURCE} rev-parse HEAD OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
if(rc EQUAL 0)
  execute_process(COMMAND git -C ${SOURCE} status --porcelain OUTPUT_VARIABLE changes ERROR_QUIET)
else()
  set(commit "$ENV{ASSAY_COMMIT}")  # a tree without its history: the caller may say
  set(changes "")
endif()
if(changes STREQUAL "")
  set(dirty false)
else()
  set(dirty true)
endif()
set(text "// Written by ci/cmake/BuildInfo.cmake.
#pragma once
#define ASSAY_BUILD_COMMIT \"${commit}\"
#define ASSAY_BUILD_DIRTY ${dirty}
#define ASSAY_BUILD_FLAGS \"${FLAGS}\"
#define ASSAY_BUILD_NVCC \"${NVCC}\"
#define ASSAY_BUILD_ARCH \"${ARCH}\"
#define ASSAY_BUILD_TORCH \"${TORCH}\"
")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT "${before}" STREQUAL "${text}")
  file(WRITE ${OUT} "${text}")
endif()
