#!/usr/bin/env python3
"""Opens the pages of `report html` and `report trend` in headless Chromium and tries them.

browser_test.py REPORT MAKE_REPORTS [--xml FILE] [--pictures DIR]

Exit code: 0 if all checks hold, 1 if one does not, 77 where there is no Chromium (with CI or
ASSAY_NEED_BROWSER in the environment, 2: there a missing browser is a failure). --xml writes JUnit XML,
a test case per page. With --pictures, PNG and PDF files of the pages are left in DIR.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "html"))
from browser import NAMES, Browser, find_browser  # noqa: E402

PATIENCE_S = 120

# Of every chart: its points, and how many pixels have another colour than the first.
MARKS = """(() => {
  Assay.drawAll();
  return Assay.charts.map(({title, chart, canvas}) => {
    const copy = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height});
    const context = copy.getContext('2d', {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
    return {title, points: chart.data.datasets.reduce((sum, set) => sum + set.data.length, 0),
            painted: pixels.reduce((sum, pixel) => sum + (pixel !== pixels[0]), 0),
            outside: chart.data.datasets.flatMap((set, i) => chart.getDatasetMeta(i).data)
                .filter((mark) => !Number.isFinite(mark.x) && !mark.skip).length};
  });
})()"""

FILTER = """((text) => {
  const box = document.querySelector('#row-table input[type=search]');
  box.value = text;
  box.dispatchEvent(new Event('input'));
  const lines = [...document.querySelectorAll('table.rows tbody tr')].map((line) => line.textContent);
  return {count: document.querySelector('#row-table .count').textContent, lines};
})"""

SORT = """((name) => {
  const heading = [...document.querySelectorAll('table.rows th')].find((th) => th.textContent.startsWith(name));
  const at = [...heading.parentElement.children].indexOf(heading);
  heading.querySelector('button').click();
  const state = document.querySelectorAll('table.rows th')[at].getAttribute('aria-sort');
  return {state, first: document.querySelector('table.rows tbody tr').children[at].textContent};
})"""


class Checks:
    def __init__(self):
        self.held = 0
        self.pages = {}  # name: what failed

    def begin(self, page):
        self.page = self.pages.setdefault(page, [])

    def that(self, holds, what, found=None):
        if holds:
            self.held += 1
            return
        self.page.append(what + (f"; found: {str(found)[:600]}" if found is not None else ""))
        print(f"FAILED: {self.page[-1]}")

    @property
    def failed(self):
        return sum(map(len, self.pages.values()))

    def write_xml(self, path):
        suite = ElementTree.Element("testsuite", name="pages_in_a_browser", tests=str(len(self.pages)))
        for page, failures in self.pages.items():
            case = ElementTree.SubElement(suite, "testcase", name=page, classname="pages_in_a_browser")
            for failure in failures:
                ElementTree.SubElement(case, "failure", message=failure)
        ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def check_charts(checks, browser, page, least):
    marks = browser.run(MARKS)
    checks.that(len(marks) >= least, f"{page}: at least {least} charts", len(marks))
    for chart in marks:
        checks.that(chart["points"] > 0 and chart["painted"] > 300,
                    f"{page}: '{chart['title']}' has marks", chart)
    checks.that(not browser.complaints(), f"{page}: no complaint of the browser", browser.complaints())


def check_sweep(checks, browser, page):
    checks.begin("sweep")
    browser.open(page)
    check_charts(checks, browser, page.name, 30)
    checks.that(browser.run("document.title") == "Assay: sweep.csv", "a hostile reason does nothing",
                browser.run("document.title"))
    checks.that("</script><script>" in browser.run("document.querySelector('.failures').textContent"),
                "a hostile reason is shown as it is")
    checks.that(browser.run("document.querySelectorAll('img, iframe, link, script[src]').length") == 0,
                "nothing is loaded from elsewhere")
    checks.that(browser.run("document.querySelectorAll('.banner').length") == 0, "no banner on a GPU's report")
    total = browser.run("Assay.rows.length")
    failed = browser.run(f"{FILTER}('status=FAIL')")
    checks.that(failed["count"] == f"2 of {total} rows" and len(failed["lines"]) == 2,
                "filtering by status", failed["count"])
    words = browser.run(f"{FILTER}('rms_norm v2_registers bf16 t_median_us>100')")
    checks.that(0 < len(words["lines"]) < 20 and all("rms_norm" in line and "v2_registers" in line and "bf16" in line
                                                     for line in words["lines"]), "filtering by words", words["lines"][:3])
    wrong = browser.run(f"{FILTER}('t_median_us>abc')")
    checks.that("needs a number" in wrong["count"], "a wrong filter is told", wrong["count"])
    nothing = browser.run(f"{FILTER}('nosuchword')")
    checks.that(nothing["count"] == f"0 of {total} rows" and not nothing["lines"], "filtering everything away", nothing)
    browser.run(f"{FILTER}('op=linear status=PASS')")
    fastest = browser.run(f"{SORT}('t_median_us')")
    slowest = browser.run(f"{SORT}('t_median_us')")
    checks.that(fastest["state"] == "ascending" and slowest["state"] == "descending"
                and fastest["first"] != slowest["first"], "sorting", (fastest, slowest))
    shown = browser.run("document.querySelector('table.rows tbody tr').click();"
                        "document.querySelector('.opened').textContent")
    checks.that("--benchmark_filter=" in shown and "run_id" in shown, "a row opens", shown[:100])
    # The rows that did not pass are in no chart.
    bad = browser.run("Assay.charts.flatMap(({chart}) => chart.data.datasets.flatMap((set) => set.data))"
                      ".filter((point) => point.row && point.row.status !== 'PASS').length")
    checks.that(bad == 0, "no chart has a row without PASS", bad)
    # Known figures: the roofs, and the bandwidth of one row.
    roofs = browser.run("Assay.data.ceilings")
    checks.that(len(roofs) == 3 and all(abs(roof["gb_per_s"] - 4200) < 0.1 for roof in roofs)
                and {round(roof["tflop_per_s"]) for roof in roofs} == {720, 45}, "the ceilings", roofs)
    # Choosing another slice redraws.
    change = browser.run("""(() => {
      const choice = document.querySelector('.panel select');
      const chart = () => Assay.charts.find(({figure}) => figure.closest('.panel') === choice.closest('.panel')).chart;
      const before = JSON.stringify(chart().data.datasets.map((set) => set.data.map((point) => point.y)));
      choice.selectedIndex = choice.options.length - 1;
      choice.dispatchEvent(new Event('change'));
      return before !== JSON.stringify(chart().data.datasets.map((set) => set.data.map((point) => point.y)));
    })()""")
    checks.that(change, "another slice is drawn")
    browser.emulate(dark=True)
    checks.that(browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(23, 27, 32)", "the dark theme")
    check_charts(checks, browser, f"{page.name}, dark", 30)
    # What a transparent canvas is printed as, and some viewers of PDF leave out with all after it.
    pdf = page.with_suffix(".pdf")
    browser.pdf(pdf)
    printed = pdf.read_bytes()
    checks.that(len(printed) > 100_000 and b"/SMask" not in printed, "printed without soft masks", printed.count(b"/SMask"))


def check_trend(checks, browser, page):
    checks.begin("trend")
    browser.open(page)
    check_charts(checks, browser, page.name, 40)
    steps = browser.run("[...document.querySelectorAll('#step-table tbody tr')].map((line) => line.textContent)")
    checks.that(len(steps) >= 5 and all("rms_norm" in line and "v2_registers" in line for line in steps),
                "the steps that were made are found, and no others", steps)
    browser.run("(() => { const box = document.querySelector('#series input[type=search]'); box.value = 'attention v3';"
                "box.dispatchEvent(new Event('input')); })()")
    names = browser.run("[...document.querySelectorAll('#series figcaption')].map((name) => name.textContent)")
    checks.that(names and all("attention" in name and "v3" in name for name in names), "filtering the series", names[:3])


def take_pictures(browser, folder, pages):
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        for dark in (False, True):
            browser.open(page, dark)
            browser.run("Assay.drawAll()")
            browser.picture(folder / f"{page.stem}-{'dark' if dark else 'light'}.png")
        browser.pdf(folder / f"{page.stem}.pdf")  # from the dark theme, which must not be printed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report")
    parser.add_argument("make_reports")
    parser.add_argument("--xml", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    arguments = parser.parse_args()
    program = find_browser()
    if program is None:
        needed = os.environ.get("CI") or os.environ.get("ASSAY_NEED_BROWSER")
        print(f"no browser: none of {', '.join(NAMES)} is on the PATH; install the package chromium")
        return 2 if needed else 77
    signal.alarm(PATIENCE_S)  # a browser that hangs is a failure
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([arguments.make_reports, folder], check=True)
        pages = []
        for report in ("sweep", "emulated"):
            pages.append(folder / f"{report}.html")
            subprocess.run([arguments.report, "html", folder / f"{report}.csv", "--out", pages[-1]],
                           check=True, stdout=subprocess.DEVNULL)
        pages.append(folder / "trend.html")
        subprocess.run([arguments.report, "trend", folder / "trend", "--out", pages[-1]],
                       check=True, stdout=subprocess.DEVNULL)
        browser = Browser(program, folder / "profile")
        try:
            check_sweep(checks, browser, pages[0])
            checks.begin("emulated")
            browser.open(pages[1])
            check_charts(checks, browser, pages[1].name, 8)
            checks.that("not performance" in (browser.run("document.querySelector('.banner')?.textContent") or ""),
                        "an emulated report says so")
            check_trend(checks, browser, pages[2])
            if arguments.pictures:
                take_pictures(browser, arguments.pictures, pages)
        finally:
            browser.close()
    if arguments.xml:
        checks.write_xml(arguments.xml)
    print(f"{checks.held} checks held, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
