#!/usr/bin/env python3
"""Makes an SVG file of some charts of a page of `report html`, for a README or a paper.

    picture.py PAGE.html OUT.svg [--panel 'whole model decode'] [--charts REGEX]

  --panel   the panel's heading (the first one by default)
  --charts  of its charts those whose title this is found in

Needs Chromium and pdftocairo (package poppler-utils); scour, from PyPI, makes the file smaller where it
is there. Exit code 2 where a tool, the page or the panel is missing; OUT.svg is written whole or not at all.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from browser import Browser, find_browser

WIDTH = 8.5  # inches
MARGIN = 6  # points around the charts

# Leaves the panel alone on the page; gives the headings there are where it is not among them.
ISOLATE = """((wanted, titles) => {
  const heading = (panel) => panel.querySelector('h3').textContent.replace(/\\s+/g, ' ').trim();
  const panels = [...document.querySelectorAll('.panel')];
  const panel = wanted ? panels.find((one) => heading(one) === wanted) : panels[0];
  if (!panel) return panels.map(heading);
  for (let node = panel; node !== document.body; node = node.parentElement)
    for (const other of node.parentElement.children) if (other !== node) other.style.display = 'none';
  const figures = [...panel.querySelectorAll('figure')];
  const kept = figures.filter((one) => new RegExp(titles).test(one.querySelector('figcaption').textContent));
  if (!kept.length) return figures.map((one) => one.querySelector('figcaption').textContent);
  panel.replaceChildren(...kept);
  panel.className = 'pair';
  document.body.style.cssText = 'margin: 0; padding: 0';
  Assay.drawAll();
  return [];
})"""


def fail(message):
    print(f"picture.py: {message}", file=sys.stderr)
    sys.exit(2)


def cropped(svg):
    """Cut to what is drawn: the page's white ground is left out of account."""
    [width] = re.findall(r'<svg [^>]*width="([\d.]+)(?:pt)?"', svg)
    heights = [float(y) for y in re.findall(r'<use [^>]*y="([\d.]+)"', svg)]
    left = 14 / 25.4 * 72 - MARGIN  # the page's margin of style.css
    top = min(heights) - 10 - MARGIN
    box = f'{left:.0f} {top:.0f} {float(width) - 2 * left:.0f} {max(heights) + 2 * MARGIN - top:.0f}'
    svg = re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*" viewBox="[^"]*"', rf'\1viewBox="{box}"', svg, count=1)
    ground = f'<rect x="{left:.0f}" y="{top:.0f}" width="100%" height="100%" fill="#fff"/>'
    return svg.replace('</defs>', f'</defs>{ground}', 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--panel", default="")
    parser.add_argument("--charts", default="")
    a = parser.parse_args()
    program = find_browser()
    if program is None:
        fail("no Chromium is on the PATH; install the package chromium")
    if shutil.which("pdftocairo") is None:
        fail("pdftocairo is not on the PATH; install the package poppler-utils")
    if not a.page.is_file():
        fail(f"{a.page} is no file")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        browser = Browser(program, folder / "profile")
        try:
            browser.open(a.page.resolve())
            others = browser.run(f"{ISOLATE}({json.dumps(a.panel)}, {json.dumps(a.charts)})")
            if others:
                fail(f"{a.page} has no such panel or chart; there are: {', '.join(others)}")
            browser.pdf(folder / "page.pdf", WIDTH, WIDTH)
        finally:
            browser.close()
        subprocess.run(["pdftocairo", "-svg", folder / "page.pdf", folder / "page.svg"], check=True)
        svg = cropped((folder / "page.svg").read_text())
        # Hundredths of a point are enough.
        svg = re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m.group()):.2f}".rstrip("0").rstrip("."), svg)
        made = folder / "made.svg"
        made.write_text(svg)
        if importlib.util.find_spec("scour"):
            small = folder / "small.svg"
            subprocess.run([sys.executable, "-m", "scour.scour", "-q", "-i", made, "-o", small, "--strip-xml-prolog",
                            "--enable-id-stripping", "--shorten-ids", "--indent=none"], check=True)
            made = small
        partial = a.out.with_name(a.out.name + ".partial")
        shutil.copyfile(made, partial)
        os.replace(partial, a.out)
    print(f"{a.out}: {a.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
