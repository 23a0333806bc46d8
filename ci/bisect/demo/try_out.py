#!/usr/bin/env python3
"""Plants faults in generated histories, one after another, has `bisect commits` look for each, and
counts how often it named the right commit, another one, or none.

    try_out.py --kinds KIND,... [--runs 0-9] [--seed 1] [--bisect PROGRAM] [--work-dir DIR]
               [--preset PRESET] [--metric METRIC] [--case REGEX] [--set SET] [--share N] [--slots N]
               [--noise COMMAND] [--json FILE] [--keep DIR] [-- CMAKE-ARGUMENT...]

KIND is one of make_history.py, or `broken`: `wrong`, where the commit in the middle, which is looked at
first, does not build. `none` must end in "not reproducible", every other in the commit that was planted.

  --runs     which runs of each kind, as 0-9 or 1,3,5; none: only build. Each has a position of its own,
             drawn from --seed, the kind and its number
  --slots    build all commits that the runs may ask for beforehand, so many side by side
  --noise    a shell command that is kept running beside the runs of odd numbers
  --keep     leaves what each bisection wrote there, with the times that it saw, as KIND-RUN.json

Builds are kept in --work-dir, and trees before and after a fault are the same at any position, so runs
share them. Ends with a table; exit code 1 unless all answers are right.
"""
import argparse
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
METRIC = {'wrong': ('status', 'rope/fp32'), 'broken': ('status', 'rope/fp32'), 'none': ('status', 'rope/fp32'),
          'accuracy': ('error', 'rms_norm/fp16'), 'slow': ('work', 'rms_norm/fp16'),
          'repaired': ('work', 'rms_norm/fp16')}


class Noise:
    """A command that runs while the block does."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = self.command and subprocess.Popen(
            self.command, shell=True, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        if not self.process:
            return
        if self.process.poll() is not None:
            raise SystemExit(f'try_out: the noise ended by itself, with {self.process.returncode}: {self.command}')
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def history(folder, kind, a, *position):
    command = [sys.executable, str(HERE / 'make_history.py'), str(folder), '--share', str(a.share),
               '--commits', str(a.commits), '--fault', 'wrong' if kind == 'broken' else kind, *map(str, position)]
    if kind == 'broken':
        command += ['--broken', str(a.commits // 2)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(f'try_out: {shlex.join(command)}: {made.stderr}')
    return json.loads(made.stdout)


def positions(kind, a, choose):
    """Arguments for make_history: where the fault comes in, and where half of it goes again."""
    last = a.commits
    if kind == 'none':
        return ['--commits', choose.randint(2, last)]
    if kind == 'repaired':
        at, half = sorted(choose.sample(range(1, last + 1), 2))
        return ['--at', at, '--repaired-at', half]
    free = [k for k in range(1, last + 1) if kind != 'broken' or k not in (last // 2, last // 2 + 1)]
    return ['--at', choose.choice(free)]


def asked(a, kind, made, folder):
    metric, case = METRIC[kind]
    metric = a.metric or metric
    # Of a sweep's shapes one that is soon checked, and whose times scatter little.
    case = a.case or ('rms_norm/fp16/rows=512,width=4096 v1_two_pass' if metric == 'time' else case)
    preset = a.preset or ('emulated-traced' if metric == 'work' else 'emulated')
    return ['--repository', str(folder), '--good', made['good'], '--bad', made['bad'], '--metric', metric,
            '--preset', preset, '--work-dir', str(a.work_dir)], case


def build_beforehand(a, kind):
    """Every tree of the kind: with the fault from the first commit on, and without it."""
    ends = {'none': [], 'repaired': [['--at', 1, '--repaired-at', a.commits], ['--at', 1, '--repaired-at', 2]]}
    trees = [(kind, position) for position in ends.get(kind, [['--at', 1]])]
    for planted, position in [('none', []), *trees]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / 'history'
            common, _ = asked(a, kind, history(folder, planted, a, *position), folder)
            start = time.monotonic()
            command = [a.bisect, 'build-all', *common, '--slots', str(a.slots), '--', *a.cmake]
            built = subprocess.run(command, capture_output=True, text=True)
            print((built.stdout + built.stderr).splitlines()[-1], f'{time.monotonic() - start:.0f} s', flush=True)
            if built.returncode:
                raise SystemExit(f'try_out: {shlex.join(command)} ended with {built.returncode}')


def run(a, kind, number):
    choose = random.Random(f'{a.seed} {kind} {number}')
    position = positions(kind, a, choose)
    noisy = bool(a.noise) and number % 2 == 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / 'history'
        made = history(folder, kind, a, *position)
        common, case = asked(a, kind, made, folder)
        answer = pathlib.Path(scratch) / 'answer.json'
        command = [a.bisect, 'commits', *common, '--case', case, '--json', str(answer)]
        if a.set or a.metric == 'time':
            command += ['--set', a.set or 'sweep']
        start = time.monotonic()
        with Noise(a.noise if noisy else None):
            ended = subprocess.run([*command, '--', *a.cmake], capture_output=True, text=True)
        seconds = time.monotonic() - start
        if not answer.exists():
            print(ended.stdout[-2000:] + ended.stderr[-2000:], file=sys.stderr)
            raise SystemExit(f'try_out: {shlex.join(command)} ended with {ended.returncode}, without an answer')
        told = json.loads(answer.read_text())
        if a.keep:
            shutil.copyfile(answer, a.keep / f'{kind}-{number}.json')
    named = told.get('commit', {}).get('sha') if told['outcome'] == 'found' else None
    if kind == 'none':
        verdict = 'right' if told['outcome'] == 'not reproducible' else 'WRONG' if named else 'none'
    else:
        verdict = 'right' if named == made['planted'] else 'WRONG' if named else 'none'
    steps = [s for s in told.get('steps', []) if s['kind'] == 'step']
    return {'kind': kind, 'run': number, 'at': made['at'], 'repaired_at': made['repaired_at'], 'noise': noisy,
            'verdict': verdict, 'headline': told['headline'], 'commits_asked': len(steps),
            'measured': sum(not s['how'].startswith(('code as', 'does not')) for s in steps),
            'builds': told.get('builds_besides_the_ends', 0), 'seconds': round(seconds, 1),
            'ends': told['steps'][1]['numbers'] if len(told.get('steps', [])) > 1 else '',
            'against_parent': told.get('against_parent', {}).get('numbers', '')}


def numbers(text):
    if text == 'none':
        return []
    found = []
    for part in text.split(','):
        first, _, last = part.partition('-')
        found += range(int(first), int(last or first) + 1)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kinds', required=True)
    parser.add_argument('--runs', type=numbers, default=numbers('0-9'))
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--commits', type=int, default=64)
    parser.add_argument('--share', type=int, default=32, help='of a slowdown: one of so many rows is summed twice')
    parser.add_argument('--bisect', default=str(ROOT / 'build/emulated/bin/bisect'))
    parser.add_argument('--work-dir', type=pathlib.Path, default=ROOT / 'build/try_out')
    parser.add_argument('--preset')
    parser.add_argument('--metric')
    parser.add_argument('--case')
    parser.add_argument('--set', help="shapes; by default those of a sweep for --metric time")
    parser.add_argument('--slots', type=int, default=0)
    parser.add_argument('--noise')
    parser.add_argument('--json', type=pathlib.Path, help='a line for each run is added to this file')
    parser.add_argument('--keep', type=pathlib.Path)
    parser.add_argument('cmake', nargs='*', help='after --: arguments for cmake')
    a = parser.parse_args()
    kinds = a.kinds.split(',')
    for kind in kinds:
        if kind not in METRIC:
            raise SystemExit(f"try_out: '{kind}' is none of {', '.join(METRIC)}")
    if a.keep:
        a.keep.mkdir(parents=True, exist_ok=True)
    if a.slots:
        for kind in kinds:
            build_beforehand(a, kind)

    if not a.runs:
        return 0
    results = []
    for number in a.runs:  # kinds in turn: cut short, each has had some
        for kind in kinds:
            results.append(run(a, kind, number))
            print(json.dumps(results[-1]), flush=True)
            if a.json:
                with a.json.open('a') as file:
                    file.write(json.dumps(results[-1]) + '\n')

    print('\n| kind | right | wrong | no answer | commits asked | measured | builds | seconds |')
    print('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
    for kind in kinds:
        of_kind = [r for r in results if r['kind'] == kind]
        count = [sum(r['verdict'] == v for r in of_kind) for v in ('right', 'WRONG', 'none')]
        most = [max(r[what] for r in of_kind) for what in ('commits_asked', 'measured', 'builds')]
        mean = sum(r['seconds'] for r in of_kind) / len(of_kind)
        print(f'| {kind} | {count[0]} | {count[1]} | {count[2]} | ≤ {most[0]} | ≤ {most[1]} | ≤ {most[2]} | {mean:.0f} |')
    return any(r['verdict'] != 'right' for r in results)


if __name__ == '__main__':
    sys.exit(main())
