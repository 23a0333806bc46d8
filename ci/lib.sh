# shellcheck shell=bash
# Shared by the scripts in ci/, which source it after `set -euo pipefail`. Moves to the root of the tree.
script=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${script##*/}" "$*" >&2
  exit 2
}

# Prints the comment at the head of the calling script.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$script"; }

has_gpu() { nvidia-smi -L 2>/dev/null | grep -q '^GPU '; }
# The device of this machine: cuda where there is both a GPU and a compiler for it.
device_preset() {
  if has_gpu && command -v nvcc >/dev/null; then echo cuda; else echo emulated; fi
}

# Compilers go through ccache where there is one. Paths below the root are stored relative to it, so
# that another clone finds the same objects.
use_ccache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_CUDA_COMPILER_LAUNCHER=ccache
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
}

# configure PRESET [cmake argument...]: quiet unless it fails.
configure() {
  local preset=$1 log
  shift
  use_ccache
  say "configure $preset"
  log=$(cmake --preset "$preset" "$@" 2>&1) || {
    printf '%s\n' "$log"
    die "preset $preset does not configure"
  }
}

# build PRESET [target...]
build() {
  local preset=$1
  shift
  say "build $preset: ${*:-everything}"
  cmake --build "build/$preset" ${1+--target "$@"}
}

# The unit-test programs, as the CMakeLists.txt declare them, so that none is forgotten.
unit_tests() {
  find . -path ./build -prune -o -name CMakeLists.txt -exec \
    sed -nE 's/^ *add_executable\(([a-z_]+_test)\b.*/\1/p' {} + | sort
}

# run_test XML PROGRAM [argument...]: a GoogleTest program, its output shown only when it fails. The
# verdict is in the XML; a program that fails with no failed test in it (a crash, a leak) leaves none.
run_test() {
  local xml=$1 log=${1%.xml}.log start=$SECONDS code=0
  shift
  rm -f "$xml"
  mkdir -p "$(dirname "$xml")"
  printf '%-44s' "${xml#build/}"
  "$@" "--gtest_output=xml:$xml" >"$log" 2>&1 || code=$?
  if ((code == 0)); then
    printf 'ok     %5d s\n' $((SECONDS - start))
    return
  fi
  printf 'FAILED %5d s, exit code %d; %s ends in:\n' $((SECONDS - start)) "$code" "$log"
  tail -n 60 "$log"
  grep -qs '<failure' "$xml" || rm -f "$xml"
}

# Tests of `verify` that launch kernels as no other test does. The rest launches the same ones, at the same
# shapes, thousands of times, which takes racecheck too long (ci/README.md).
once_filter='-*/stories/*:generation.invariance/*:generation.sampling/*'
once_filter+=':generation.bitwise/*:generation.boundaries/*'

# A seed that is another one every day, for searches that should not look in the same place for ever.
seed_of_today() { date -u +%Y%m%d; }

# Where ci/setup puts linters that are Python packages: one folder for each list of them.
python_tools() {
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/assay/tools-$(sha256sum ci/tools.txt | cut -c 1-12)"
}
