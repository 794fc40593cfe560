"""Size of the report page and how soon it answers, for 8 models, 9,520 targets and three cohorts.

Usage: bin/python tests/benchmarks/page.py [--quick] [--keep FOLDER]

The run is simulated (and the page says so): the files that the stages before the report leave, with made-up numbers,
which compress less than real ones. The page is opened from disk in headless Chromium, each time in a browser with
nothing cached; `load_seconds` is the median time from the call to the moment when table and search answer,
`card_seconds` that from Enter in the search to a gene's card with all its figures drawn. `page_seconds` and
`figures_seconds` are what making the page and the static figures took. `--quick` takes 1,000 targets. The last line is
JSON.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from measure import print_figures, seconds_of
from playwright.sync_api import Browser, sync_playwright

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "workflow/scripts")]

from simulated_run import simulated_run  # noqa: E402

from landex.report.figures import write_figures  # noqa: E402
from landex.report.page import write_page  # noqa: E402

TEMPLATE = Path(__file__).parents[2] / "workflow/report/page.html.j2"
MODELS = {
    **{kind: kind for kind in ("ols", "ridge", "lasso", "knn_ge", "kernel_ridge")},
    **dict.fromkeys(("relu_tanh", "dgex", "deep"), "network"),
}
TARGETS, QUICK_TARGETS = 9520, 1000
# So many that a card shows as many samples of each cohort as the page has room for.
SAMPLES = {"gdsc": 700, "kidney": 62, "geuvadis": 85}
TIMES = 5


def opened(browser: Browser, address: str) -> tuple[float, float]:
    """Open the page in a context of its own and a card in it; return the seconds that either took."""
    context = browser.new_context(viewport={"width": 1280, "height": 850})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")
    loaded = time.perf_counter() - began
    page.locator("#gene-search").fill("GENE77")
    page.locator("#gene-options li").first.wait_for()
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.wait_for_selector("#gene-card[data-ready]")
    shown = time.perf_counter() - began
    context.close()
    return loaded, shown


def main() -> None:
    """Make the run and its page, and open it some times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for the page")
    arguments = parser.parse_args()
    targets = QUICK_TARGETS if arguments.quick else TARGETS
    with tempfile.TemporaryDirectory() as place:
        folder = arguments.keep or Path(place)
        note = f"Simulated run: {len(MODELS)} models, {targets:,} targets and three cohorts with made-up numbers."
        run = simulated_run(Path(place), targets=targets, models=MODELS, samples=SAMPLES, note=note)
        path = folder / "report.html"
        page_seconds = seconds_of(lambda: write_page(path, run, TEMPLATE))
        figures_seconds = seconds_of(lambda: write_figures(folder / "figures", run))
        executable = shutil.which("chromium")
        with sync_playwright() as playwright:
            arguments_of_browser = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=executable, args=arguments_of_browser)
            times = [opened(browser, path.as_uri()) for _ in range(TIMES)]
            print(f"Chromium {browser.version}; loads: {', '.join(f'{loaded:.2f}' for loaded, _ in times)} s")
            browser.close()
        figures = {
            "page_mb": path.stat().st_size / 1e6,
            "load_seconds": median(loaded for loaded, _ in times),
            "card_seconds": median(shown for _, shown in times),
            "page_seconds": page_seconds,
            "figures_seconds": figures_seconds,
        }
    print_figures("page", figures)


if __name__ == "__main__":
    main()
