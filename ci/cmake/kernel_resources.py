#!/usr/bin/env python3
"""Writes what ptxas said of every kernel, for each architecture, as one JSON table.

kernel_resources.py --nvcc VERSION --flags FLAGS --out FILE OBJECT...: reads OBJECT.ptxas, which
keep_ptxas_report leaves beside each CUDA object. `verify --resources FILE` reads the table.
"""
import argparse
import json
import os
import re
import subprocess
import sys

ENTRY = re.compile(r"^ptxas info\s*: Compiling entry function '(\S+)' for '(sm_\w+)'$")
PROPERTIES = re.compile(r"^ptxas info\s*: Function properties for (\S+)$")
STACK = re.compile(r"^\s+(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads$")
USED = re.compile(r"^ptxas info\s*: Used (\d+) registers(.*)$")
SHARED = re.compile(r"(\d+) bytes smem")
BARRIERS = re.compile(r"used (\d+) barriers")
OTHER = re.compile(r"\d+ bytes (cmem\[\d+\]|lmem|cumulative stack size)|\d+ (textures|surfaces|samplers)")


def parse(text, file):
    """The kernels of one report. What ptxas says of device functions that it did not inline is left
    out: the registers and the stack of a kernel include those of what it calls."""
    kernels = []
    kernel = function = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := ENTRY.match(line):
            kernel = {"name": match[1], "arch": match[2]}
            kernels.append(kernel)
            function = None
        elif match := PROPERTIES.match(line):
            function = match[1]
        elif kernel is not None and function == kernel["name"] and (match := STACK.match(line)):
            kernel["stack_bytes"] = int(match[1])
            kernel["spill_bytes"] = int(match[2]) + int(match[3])
        elif kernel is not None and (match := USED.match(line)):
            kernel |= {"registers": int(match[1]), "shared_bytes": 0, "barriers": 0}
            for part in filter(None, (text.strip() for text in match[2].split(","))):
                if shared := SHARED.fullmatch(part):
                    kernel["shared_bytes"] = int(shared[1])
                elif barriers := BARRIERS.fullmatch(part):
                    kernel["barriers"] = int(barriers[1])
                elif not OTHER.fullmatch(part):
                    sys.exit(f"{file}:{number}: '{part}' is not understood: another ptxas?")
    for kernel in kernels:
        if "registers" not in kernel or "spill_bytes" not in kernel:
            sys.exit(f"{file}: ptxas does not say what {kernel['name']} uses")
    return kernels


def read(objects):
    kernels = []
    for path in objects:
        report = path + ".ptxas"
        try:
            with open(report, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            sys.exit(f"{report} is not there; delete {path} and build again")
        kernels += parse(text, report)
    return kernels


def demangle(names):
    """For people; who looks a kernel up demangles the mangled name."""
    try:
        result = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True,
                                check=True)
    except (OSError, subprocess.CalledProcessError):
        return names
    return result.stdout.split("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--flags", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    kernels = read(options.objects)
    if not kernels:
        sys.exit("kernel_resources.py: no object holds a kernel")
    for kernel, function in zip(kernels, demangle([k["name"] for k in kernels])):
        kernel["function"] = function
    kernels.sort(key=lambda kernel: (kernel["arch"], kernel["function"], kernel["name"]))
    rows = ",\n".join("    " + json.dumps(kernel) for kernel in kernels)
    text = (f'{{\n  "kernel_resources": 1,\n  "nvcc_version": {json.dumps(options.nvcc)},\n'
            f'  "build_flags": {json.dumps(options.flags)},\n  "kernels": [\n{rows}\n  ]\n}}\n')
    with open(options.out + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(options.out + ".new", options.out)


if __name__ == "__main__":
    main()
