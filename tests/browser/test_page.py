"""The page in a real browser: the one that LANDEX_REPORT names, else one of simulated inputs."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from landex.page import write_page
from playwright.sync_api import Browser, Page, expect, sync_playwright
from simulated_run import simulated_run

pytestmark = pytest.mark.browser
TEMPLATE = Path(__file__).parents[2] / "workflow/report/page.html.j2"
LOCAL = ("file:", "data:", "blob:")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    named = os.environ.get("LANDEX_REPORT")
    if named:
        return Path(named).resolve(strict=True).as_uri()
    folder = tmp_path_factory.mktemp("page")
    write_page(folder / "report.html", simulated_run(folder), TEMPLATE)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "chromium is not installed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Visit:
    """One opened page and what it said and asked for."""

    def __init__(self, browser: Browser, address: str, *, width: int = 1280, scheme: str = "light") -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 850}, color_scheme=scheme)  # type: ignore[arg-type]
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")

    def draw_all(self) -> None:
        """Scroll every figure into view and wait until it is drawn."""
        for place in self.page.locator(".plot").all():
            place.scroll_into_view_if_needed()
            place.locator(".main-svg").first.wait_for()

    def column(self, number: int) -> list[str]:
        return self.page.locator(f"#gene-rows tbody tr td:nth-child({number})").all_inner_texts()

    def header(self, title: str) -> int:
        """Return the place (from 1) of a visible column by the beginning of its title."""
        titles = [text.strip() for text in self.page.locator("#gene-rows thead th").all_inner_texts()]
        return 1 + next(place for place, text in enumerate(titles) if text.startswith(title))


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    visit.page.close()


def test_every_figure_is_drawn_without_an_error_or_a_request_to_a_network(visit: Visit) -> None:
    visit.draw_all()
    assert visit.page.locator(".plot").count() > 0
    assert visit.errors == []
    assert [url for url in visit.requests if not url.startswith(LOCAL)] == []


def test_typing_an_identifier_filters_the_rows(visit: Visit) -> None:
    search = visit.page.get_by_label("Search genes")
    for title in ("Symbol", "Gene", "Ensembl"):
        place = visit.header(title)
        wanted = next(text for text in reversed(visit.column(place)) if text)
        search.fill(wanted)
        found = visit.column(place)
        assert wanted in found
        assert all(wanted.lower() in row.lower() for row in visit.page.locator("#gene-rows tbody tr").all_inner_texts())
        search.fill("no such gene")
        assert "No gene matches" in visit.page.locator("#gene-rows tbody").inner_text()
        search.fill("")


def test_clicking_a_heading_sorts_by_number(visit: Visit) -> None:
    place = visit.header("MAE")
    heading = visit.page.locator(f"#gene-rows thead th:nth-child({place})")
    heading.click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    ascending = [float(text) for text in visit.column(place)]
    assert ascending == sorted(ascending)
    heading.click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    descending = [float(text) for text in visit.column(place)]
    assert descending == sorted(descending, reverse=True)
    assert descending[0] >= ascending[-1]


def test_choosing_a_cohort_changes_table_and_scatter(visit: Visit) -> None:
    options = visit.page.locator("#genes-view option")
    place = visit.header("MAE")
    first = visit.column(place)
    visit.page.locator("#genes-view").select_option(index=options.count() - 1)
    assert visit.column(place) != first
    assert "\N{EN DASH}" not in visit.column(place)
    visit.draw_all()
    legend = visit.page.locator("#scatter-plot .legendtext").first
    before = legend.text_content() or ""
    visit.page.locator("#scatter-view").select_option(index=options.count() - 1)
    expect(legend).not_to_have_text(before)
    assert visit.errors == []


def test_everything_can_be_reached_by_keyboard(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    heading = visit.page.locator("#gene-rows thead th").nth(visit.header("MAE") - 1)
    heading.focus() if heading.get_attribute("tabindex") else heading.locator("[tabindex]").first.focus()
    visit.page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")


def luminance(colour: str) -> float:
    """Return the mean of the channels of a CSS colour, 0 to 255."""
    red, green, blue = (float(value) for value in re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_tables_and_figures_follow_the_colour_scheme(browser: Browser, address: str, scheme: str) -> None:
    visit = Visit(browser, address, scheme=scheme)
    visit.draw_all()
    paper = luminance(visit.page.locator("body").evaluate("element => getComputedStyle(element).backgroundColor"))
    texts = ["h1", "#results td >> nth=0", "#gene-rows td >> nth=0"]
    inks = [
        luminance(visit.page.locator(text).evaluate("element => getComputedStyle(element).color")) for text in texts
    ]
    fills = visit.page.locator(".plot .xtick text").first.evaluate("element => getComputedStyle(element).fill")
    inks.append(luminance(fills))
    assert (paper > 200) == (scheme == "light")
    assert all(abs(ink - paper) > 120 for ink in inks)
    assert visit.errors == []
    visit.page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, address: str, width: int) -> None:
    visit = Visit(browser, address, width=width)
    visit.draw_all()
    for summary in visit.page.locator("main > section > details > summary").all():
        summary.click()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.close()
