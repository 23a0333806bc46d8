# Writes the source of one mutant: its version's file, or a header of it, with one text replaced.
#
#   cmake -DTABLE=<op>.json -DNAME=<mutant> -DSOURCE=<root of the tree> -DOUT=<folder> -P mutate.cmake
#
# Leaves OUT/<version>.cu (or .cpp), which defines launch_mutant_<op>_<name>, and the mutated header
# below OUT where there is one. Fails where the text is not there exactly once: a mutant cannot drift
# from its kernel.
cmake_minimum_required(VERSION 3.25)

file(READ "${TABLE}" table)
string(JSON op GET "${table}" op)
string(JSON count LENGTH "${table}" mutants)
math(EXPR last "${count} - 1")
set(found "")
foreach(i RANGE ${last})
  string(JSON name GET "${table}" mutants ${i} name)
  if(name STREQUAL NAME)
    set(found ${i})
  endif()
endforeach()
if(found STREQUAL "")
  message(FATAL_ERROR "${TABLE} has no mutant '${NAME}'")
endif()
string(JSON version GET "${table}" mutants ${found} version)
string(JSON replace GET "${table}" mutants ${found} replace)
string(JSON by GET "${table}" mutants ${found} by)
string(JSON header ERROR_VARIABLE no_header GET "${table}" mutants ${found} header)

set(extension cu)
if(NOT EXISTS "${SOURCE}/kernels/${op}/${version}.cu")
  set(extension cpp)
endif()
set(kernel kernels/${op}/${version}.${extension})
set(mutated ${kernel})
if(no_header STREQUAL "NOTFOUND")
  set(mutated ${header})
endif()

file(READ "${SOURCE}/${mutated}" text)
string(FIND "${text}" "${replace}" first)
string(FIND "${text}" "${replace}" again REVERSE)
if(replace STREQUAL "" OR first EQUAL -1 OR NOT first EQUAL again)
  set(how "does not occur")
  if(NOT first EQUAL -1)
    set(how "occurs more than once")
  endif()
  message(FATAL_ERROR "mutant ${op}/${NAME}: the text to replace ${how} in ${mutated}; mend ${TABLE}.\n"
                      "  ${replace}")
endif()
if(replace STREQUAL by)
  message(FATAL_ERROR "mutant ${op}/${NAME}: the replacement is the text itself; mend ${TABLE}")
endif()
string(REPLACE "${replace}" "${by}" text "${text}")

# The launch function gets the mutant's name. So do the device functions of a mutated header: inline
# functions of one name and two meanings would be an error that no linker reports.
string(REGEX MATCH "^v[0-9]+" number "${version}")
set(preamble "#define launch_${op}_${number} launch_mutant_${op}_${NAME}\n")
if(NOT mutated STREQUAL kernel)
  string(REGEX MATCHALL "__forceinline__ [A-Za-z_0-9]+ [a-z_0-9]+\\(" functions "${text}")
  foreach(function IN LISTS functions)
    string(REGEX REPLACE "^.* ([a-z_0-9]+)\\($" "\\1" function "${function}")
    if(NOT function STREQUAL "operator")
      list(APPEND renamed ${function})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES renamed)
  foreach(function IN LISTS renamed)
    string(APPEND preamble "#define ${function} ${function}_mutant_${op}_${NAME}\n")
  endforeach()
  file(WRITE "${OUT}/${header}" "#line 1 \"${header}\"\n${text}")
  file(READ "${SOURCE}/${kernel}" text)
endif()
file(WRITE "${OUT}/${version}.${extension}"
     "// Written by suites/mutants/mutate.cmake.\n${preamble}#line 1 \"${kernel}\"\n${text}")
