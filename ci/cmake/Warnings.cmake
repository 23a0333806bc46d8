# assay_options: what every target of this project compiles with. Third-party headers are SYSTEM.
add_library(assay_options INTERFACE)
add_library(assay::options ALIAS assay_options)
target_compile_options(
  assay_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor
                          -Wcast-align -Woverloaded-virtual -Wimplicit-fallthrough>)
# A program loads only the libraries that it uses: LibTorch and SentencePiece each bring a protobuf.
target_link_options(assay_options INTERFACE LINKER:--as-needed)
if(ASSAY_WERROR)
  target_compile_options(assay_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>
                                                 $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
endif()
if(ASSAY_SANITIZE)
  # What the sanitizers insert hides from GCC that a value is initialized, as its manual warns.
  target_compile_options(
    assay_options INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>)
  # -O1 -g1: half the compile time of -O2 -g, and the reports still name file and line.
  target_compile_options(
    assay_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${ASSAY_SANITIZE}
                            -fno-omit-frame-pointer -fno-sanitize-recover=all -O1 -g1>)
  target_link_options(assay_options INTERFACE -fsanitize=${ASSAY_SANITIZE})
endif()
