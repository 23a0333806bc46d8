# suites/mutants/mutate.cmake replaces a text that is there once, and fails on every other. Run as
#   cmake -DMUTATE=<mutate.cmake> -DWORK=<an empty folder> -P mutate_test.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${WORK})
file(WRITE ${WORK}/kernels/device/twice.h "#pragma once
struct Op { __device__ __forceinline__ float operator()(float a) const { return a; } };
__device__ __forceinline__ float twice(float x) { return 2.0f * x; }
")
file(WRITE ${WORK}/kernels/copy/v1_plain.cu [=[
void launch_copy_v1(const CopyArgs& a) {
  y[i] = x[i]; z[i] = x[i];
  if (i < n) w[i] = "a;b\n"[0];
}
]=])
file(WRITE ${WORK}/copy.json [=[{"op": "copy", "mutants": [
  {"name": "once", "version": "v1_plain", "replace": "if (i < n) w[i] = \"a;b\\n\"[0];", "by": "w[i] = '\\0';\n"},
  {"name": "absent", "version": "v1_plain", "replace": "if (i < m)", "by": "if (i <= m)"},
  {"name": "twice", "version": "v1_plain", "replace": "= x[i];", "by": "= x[i + 1];"},
  {"name": "same", "version": "v1_plain", "replace": "i < n", "by": "i < n"},
  {"name": "empty", "version": "v1_plain", "replace": "", "by": "i"},
  {"name": "header", "version": "v1_plain", "header": "kernels/device/twice.h", "replace": "2.0f", "by": "3.0f"}
]}]=])

function(mutate name out_result out_message)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -DTABLE=${WORK}/copy.json -DNAME=${name} -DSOURCE=${WORK}
            -DOUT=${WORK}/out/${name} -P ${MUTATE}
    RESULT_VARIABLE result ERROR_VARIABLE message OUTPUT_QUIET)
  string(REGEX REPLACE "[ \n]+" " " message "${message}")
  set(${out_result} ${result} PARENT_SCOPE)
  set(${out_message} "${message}" PARENT_SCOPE)
endfunction()

function(expect_refused name words)
  mutate(${name} result message)
  if(result EQUAL 0)
    message(SEND_ERROR "${name} was not refused")
  endif()
  string(FIND "${message}" "${words}" place)
  if(place EQUAL -1)
    message(SEND_ERROR "${name}: '${words}' is not in: ${message}")
  endif()
endfunction()

function(expect_written name file words)
  mutate(${name} result message)
  if(NOT result EQUAL 0)
    message(SEND_ERROR "${name} was refused: ${message}")
    return()
  endif()
  file(READ ${WORK}/out/${name}/${file} text)
  string(FIND "${text}" "${words}" place)
  if(place EQUAL -1)
    message(SEND_ERROR "${name}: '${words}' is not in ${file}: ${text}")
  endif()
endfunction()

expect_refused(absent "copy/absent: the text to replace does not occur in kernels/copy/v1_plain.cu")
expect_refused(twice "copy/twice: the text to replace occurs more than once")
expect_refused(same "the replacement is the text itself")
expect_refused(empty "copy/empty: the text to replace")
expect_refused(nobody "has no mutant 'nobody'")
expect_written(once v1_plain.cu "  y[i] = x[i]; z[i] = x[i];\n  w[i] = '\\0';\n\n}")
expect_written(once v1_plain.cu "#define launch_copy_v1 launch_mutant_copy_once")
expect_written(header kernels/device/twice.h "return 3.0f * x")
expect_written(header v1_plain.cu "#define twice twice_mutant_copy_header\n#line 1")
expect_written(header v1_plain.cu "if (i < n)")
