#!/usr/bin/env python3
"""Writes a repository of many commits in which one is at fault: this project's HEAD, then real, harmless
changes to its own kernels (comments, renamed locals), with a fault planted at one of them.

    make_history.py FOLDER --fault KIND [--seed N] [--commits 64] [--at K] [--broken K] [--share N]

KIND is
  none      no fault at all: A against A
  wrong     rope v1_pairs turns every second element the wrong way        (--metric status)
  accuracy  rms_norm v1_two_pass rounds two intermediate results          (--metric error)
  slow      rms_norm v1_two_pass sums one of --share rows twice           (--metric time or work)
  repaired  16 times as many four times, of which two are later left out  (--metric time or work)
and --broken K makes commit K one that does not build, which the next one mends.

Commits are numbered from 1. The trees before the fault are those of `none` with the same seed, and those
after it the same for every position: so what was built for one position serves the others. Prints a
JSON object: good, bad, planted, and a bisect command.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
RMS_NORM = 'kernels/rms_norm/v1_two_pass.cu'
ROPE = 'kernels/rope/v1_pairs.cu'
# A local worth renaming: declared alone, with a name that is no word of CUDA's.
LOCAL = re.compile(r'^ +(?:const )?(?:int|float|std::size_t|unsigned) ([a-z][a-z_]{3,}) = ', re.M)


def git(folder, *arguments):
    command = ['git', '-C', str(folder), '-c', 'core.hooksPath=/dev/null', '-c', 'gc.auto=0',
               '-c', 'user.name=History', '-c', 'user.email=history@localhost', '-c', 'commit.gpgsign=false']
    return subprocess.run(command + list(arguments), check=True, capture_output=True, text=True).stdout.strip()


def replace_once(text, old, new):
    if text.count(old) != 1:
        raise SystemExit(f'make_history: {old!r} is there {text.count(old)} times, not once')
    return text.replace(old, new)


def mutants_fit(folder, path, text):
    """Whether every mutant of this version still finds what it replaces, as verify's build demands."""
    op, version = path.parent.name, path.stem
    table = folder / 'suites/mutants' / f'{op}.json'
    if not table.exists():
        return True
    before = (folder / path).read_text()
    mutants = json.loads(table.read_text())['mutants']
    return all(m['version'] != version or 'header' in m or before.count(m['replace']) == text.count(m['replace'])
               for m in mutants)


def comment(text, number):
    at = text.index('\nnamespace assay {')
    return text[:at] + f'\n// Note {number}: this changes nothing.' + text[at:], 'say something'


def rename(text, number, choose):
    names = sorted({name for name in LOCAL.findall(text)
                    if not re.search(rf'(\.|->|::){name}\b', text) and f'{name}_{number}' not in text})
    if not names:
        return comment(text, number)
    name = choose.choice(names)
    new = re.sub(r'_\d+$', '', name) + '_' + 'abcdefghij'[number % 10] + 'klmnopqrst'[number // 10 % 10]
    return re.sub(rf'\b{name}\b', new, text), f'call {name} {new}'


def harmless(folder, number, choose, files):
    while True:
        path = choose.choice(files)
        text = (folder / path).read_text()
        new, what = comment(text, number) if choose.random() < 0.5 else rename(text, number, choose)
        if mutants_fit(folder, path, new):
            (folder / path).write_text(new)
            return f'{path.parent.name}: {what} in {path.stem}'


def plant_wrong(text, share):
    del share
    return replace_once(text, '*b = from_float<T>(y * cosine + x * sine);',
                        '*b = from_float<T>(y * cosine - x * sine);')


def plant_accuracy(text, share):
    del share
    return replace_once(text, 'from_float<T>(to_float(x[row + i]) * scale * to_float(weight[i]))',
                        'from_float<T>(to_float(from_float<T>(to_float(x[row + i]) * '
                        'to_float(from_float<T>(scale)))) * to_float(weight[i]))')


def sum_again(text, share, rounds):
    [loop] = re.findall(r'  for \(int i = .*?\n  }\n(?=  sum = block_reduce)', text, re.S)
    # Within the kernel, as a second launch alone costs more than 3 %. The loop stays as it is: mutants
    # look for its text.
    again = (f'  for (int rounds = blockIdx.x % {share} == 0 ? {rounds} : 1; rounds > 0; --rounds) {{\n'
             '    sum = 0.0f;\n')
    return replace_once(text, loop, again + loop + '  }\n')


def plant_slow(text, share):
    return sum_again(text, share, 2)


def plant_more(text, share):
    return sum_again(text, max(2, share // 16), 4)


def unplant_half(text):
    return replace_once(text, '== 0 ? 4 : 1;', '== 0 ? 2 : 1;')


FAULTS = {
    'wrong': (ROPE, plant_wrong, 'rope: simplify the second half', 'status', 'rope/fp32'),
    'accuracy': (RMS_NORM, plant_accuracy, 'rms_norm: keep to one type', 'error', 'rms_norm/fp16'),
    'slow': (RMS_NORM, plant_slow, 'rms_norm: tidy the sum', 'work', 'rms_norm/fp16'),
    'repaired': (RMS_NORM, plant_more, 'rms_norm: tidy the sum', 'work', 'rms_norm/fp16'),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--fault', choices=['none', *FAULTS], required=True)
    parser.add_argument('--seed', type=int, default=1, help='of the harmless changes')
    parser.add_argument('--commits', type=int, default=64)
    parser.add_argument('--at', type=int, help='commit of the fault; by default drawn')
    parser.add_argument('--broken', type=int, help='commit that does not build')
    parser.add_argument('--share', type=int, default=32, help='of a slowdown: one of so many rows is summed twice')
    parser.add_argument('--repaired-at', type=int, help='commit that takes half of it back; by default drawn')
    a = parser.parse_args()

    if a.folder.exists():
        raise SystemExit(f'make_history: {a.folder} is there already')
    subprocess.run(['git', 'clone', '--quiet', '--shared', str(ROOT), str(a.folder)], check=True)
    git(a.folder, 'checkout', '--quiet', '-B', 'history')
    good = git(a.folder, 'rev-parse', 'HEAD')
    # Files that a fault goes into change too, elsewhere: comments are no fault.
    files = sorted(p.relative_to(a.folder) for p in (a.folder / 'kernels').glob('*/v*.cu'))
    choose = random.Random(a.seed)
    position = random.Random()  # every run another one, unless it is given
    last = a.commits - 1 if a.fault == 'repaired' else a.commits
    free = [k for k in range(1, last + 1) if a.broken is None or k not in (a.broken, a.broken + 1)]
    at = None if a.fault == 'none' else a.at or position.choice(free)
    half = None
    if a.fault == 'repaired':
        half = a.repaired_at or position.choice([k for k in range(at + 1, a.commits + 1) if k != a.broken])
    if at is not None and not 1 <= at <= a.commits:
        raise SystemExit(f'make_history: --at {at}: there are commits 1 to {a.commits}')

    planted = None
    for number in range(1, a.commits + 1):
        subject = harmless(a.folder, number, choose, files)
        if number == at:
            path, plant, subject, _, _ = FAULTS[a.fault]
            (a.folder / path).write_text(plant((a.folder / path).read_text(), a.share))
        if number == half:
            (a.folder / RMS_NORM).write_text(unplant_half((a.folder / RMS_NORM).read_text()))
            subject = 'rms_norm: tidy the sum again'
        other = a.folder / 'kernels/causal_mask/causal_mask.cpp'
        if number == a.broken:
            whole = other.read_text()
            other.write_text(whole + '\nthis is no C++\n')
            subject = 'causal_mask: unfinished'
        elif a.broken is not None and number == a.broken + 1:
            other.write_text(whole)
        git(a.folder, 'commit', '--quiet', '--all', '-m', f'{subject} ({number})')
        if number == at:
            planted = git(a.folder, 'rev-parse', 'HEAD')
    bad = git(a.folder, 'rev-parse', 'HEAD')
    _, _, _, metric, case = FAULTS.get(a.fault, (0, 0, 0, 'status', 'rope/fp32'))
    print(json.dumps({'good': good, 'bad': bad, 'planted': planted, 'at': at, 'repaired_at': half,
                      'bisect': f"bisect commits --repository {a.folder} --good {good} --bad {bad} "
                                f"--metric {metric} --case '{case}'"}, indent=1))


if __name__ == '__main__':
    main()
