"""The page in a real browser: the one that LANDEX_REPORT names, else one of simulated inputs."""

import csv
import json
import os
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from simulated_run import simulated_run

from landex.report.page import write_page

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
            expect(place).to_have_attribute("data-drawn", "yes", timeout=30_000)

    def open_card(self, name: str) -> None:
        """Search a gene by one of its names and open the first card that is offered."""
        self.page.get_by_label("Gene", exact=True).fill(name)
        self.page.locator("#gene-options li").first.wait_for()
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#gene-card[data-ready]", timeout=30_000)

    def downloaded(self, button: str) -> list[list[str]]:
        """Press a button and return the cells of the table that it saves."""
        with self.page.expect_download() as saved:
            self.page.locator(button).click()
        with saved.value.path().open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

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


def test_choosing_a_cohort_or_model_changes_table_and_figures(visit: Visit) -> None:
    options = visit.page.locator("#genes-view option")
    place = visit.header("MAE")
    first = visit.column(place)
    visit.page.locator("#genes-view").select_option(index=options.count() - 1)
    assert visit.column(place) != first
    assert "\N{EN DASH}" not in visit.column(place)
    visit.draw_all()
    for choice, value in (("scatter-view", options.count() - 1), ("scatter-other", 0)):
        legend = visit.page.locator("#scatter-plot .legendtext").first
        before = legend.text_content() or ""
        visit.page.locator(f"#{choice}").select_option(index=value)
        expect(legend).not_to_have_text(before)
    axis = visit.page.locator("#levels-plot .xtitle")
    expect(axis).to_contain_text("level")
    visit.page.locator("#levels-by").select_option(index=1)
    expect(axis).to_contain_text("deviation")
    assert visit.errors == []


def test_everything_can_be_reached_by_keyboard(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    heading = visit.page.locator("#gene-rows thead th").nth(visit.header("MAE") - 1)
    heading.focus() if heading.get_attribute("tabindex") else heading.locator("[tabindex]").first.focus()
    visit.page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    unreachable = """[...document.querySelectorAll("button, a[href], select, input, summary, .box")]
        .filter((element) => element.tabIndex < 0 && element.checkVisibility() && !element.closest(".dt-container"))
        .map((element) => element.outerHTML)"""
    assert visit.page.evaluate(unreachable) == []


def test_a_card_is_found_by_any_name_and_by_keyboard_alone(visit: Visit) -> None:
    gene = visit.page.locator("#gene-rows tbody tr").nth(2)
    symbol, entrez, ensembl = (gene.locator("td").nth(place).inner_text() for place in range(3))
    search = visit.page.get_by_label("Gene", exact=True)
    for name in filter(None, (symbol, entrez, ensembl, symbol.lower())):
        search.focus()
        search.fill(name)
        expect(visit.page.locator("#search-said")).to_contain_text("found")
        visit.page.locator("#gene-options li").first.wait_for()
        visit.page.keyboard.press("ArrowDown")
        visit.page.keyboard.press("ArrowUp")
        assert visit.page.locator("#gene-options [aria-selected=true]").count() == 1
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator("#gene-card h3")).to_have_text(symbol)
        assert visit.page.evaluate("document.activeElement.id") == "gene-card"
        assert visit.page.url.endswith(f"#gene={entrez}")
    search.fill("no such gene")
    expect(visit.page.locator("#search-said")).to_contain_text("0 genes found")
    expect(visit.page.locator("#gene-options")).to_be_hidden()
    landmark = json.loads(visit.page.locator("#facts").text_content() or "")["landmarks"][0]
    search.fill(landmark.lower())
    expect(visit.page.locator("#search-said")).to_have_text(
        f"{landmark} is a landmark: measured, not inferred, so it has no card."
    )
    expect(visit.page.locator("#gene-options [aria-selected=true]")).to_have_count(0)
    assert visit.errors == []


def test_a_symbol_in_the_gene_table_opens_its_card(visit: Visit) -> None:
    button = visit.page.locator("#gene-rows tbody button").nth(3)
    symbol = button.inner_text()
    button.click()
    expect(visit.page.locator("#gene-card h3")).to_have_text(symbol)


def test_the_address_of_a_card_opens_it(browser: Browser, address: str, visit: Visit) -> None:
    entrez = visit.column(visit.header("Gene"))[4]
    linked = Visit(browser, f"{address}#gene={entrez}")
    expect(linked.page.locator("#gene-card")).to_have_attribute("data-gene", entrez)
    linked.page.close()


def test_a_card_shows_the_numbers_of_the_gene_table_and_all_its_figures(visit: Visit) -> None:
    entrez = visit.column(visit.header("Gene"))[1]
    visit.open_card(entrez)
    table = visit.downloaded("#save-genes")
    row = next(dict(zip(table[0], cells, strict=True)) for cells in table[1:] if cells[0] == entrez)
    card = visit.page.locator("#gene-card")
    facts = json.loads(visit.page.locator("#facts").text_content() or "")
    shown = 0
    for model in facts["models"]:
        for view in facts["views"]:
            cell = card.locator(f"tr[data-model='{model['name']}'] [data-mae='{view['id']}']")
            cohort, scaling = view["id"].rsplit("-", 1)
            name = f"mae.{model['name']}.{cohort}.{scaling}"
            assert (cell.inner_text() if cell.count() else "") == row[name]
            shown += cell.count()
    assert shown
    figures = card.locator(".plot")
    assert figures.count() == shown / len(facts["models"])
    for figure in figures.all():
        samples = figure.locator(".scatterlayer .trace").first.locator(".point").count()
        said = re.search(r"(\d+) of [\d,]+ samples", figure.get_attribute("aria-label") or "")
        assert said
        # A sample that did not measure the gene has no point.
        assert 0 < samples <= int(said[1]) <= 60
    assert card.locator("caption").filter(has_text="landmarks").count() == len(facts["weighed"])
    assert visit.errors == []


def test_tables_are_saved_as_the_page_shows_them(visit: Visit) -> None:
    table = visit.downloaded("#save-genes")
    place = visit.header("MAE")
    title = visit.page.locator(f"#gene-rows thead th:nth-child({place})").inner_text().strip()
    column = f"mae.{title.removeprefix('MAE ')}.test.training"
    saved = {cells[0]: cells[table[0].index(column)] for cells in table[1:]}
    shown = dict(zip(visit.column(visit.header("Gene")), visit.column(place), strict=True))
    assert {gene: saved[gene] for gene in shown} == shown
    summary = visit.downloaded("[data-download='summary.tsv']")
    assert summary[0][:3] == ["cohort", "scaling", "model"]
    cells = {(row[0], row[2]): row[summary[0].index("mae")] for row in summary[1:] if row[1] == "training"}
    results = visit.page.locator("tr[data-model]:not(#gene-card tr)")
    for row in results.all():
        mae = row.locator("[data-view='test-training']").inner_text()
        assert mae == f"{float(cells['test', str(row.get_attribute('data-model'))]):.3f}"


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_figure_is_saved_on_white_paper(browser: Browser, address: str, form: str, begins: bytes) -> None:
    visit = Visit(browser, address, scheme="dark")
    with visit.page.expect_download() as saved:
        visit.page.locator(f"[data-save^='density-test'][data-format='{form}']").click()
    content = saved.value.path().read_bytes()
    assert content.startswith(begins)
    if form == "svg":
        assert b"rgb(255, 255, 255)" in content
    assert visit.errors == []
    visit.page.close()


def test_the_methods_can_be_copied(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Copy the text").click()
    expect(visit.page.locator("#copy-said")).to_have_text(re.compile("Copied|Selected"))
    assert "References" in (visit.page.locator("#methods-text").get_attribute("data-text") or "")


def test_a_reader_with_a_screen_reader_finds_landmarks_names_and_headings(visit: Visit) -> None:
    visit.draw_all()
    page = visit.page
    assert [page.get_by_role(role).count() for role in ("main", "banner")] == [1, 1]
    assert page.get_by_role("navigation", name="Sections").count() == 1
    nameless = """[...document.querySelectorAll("button, a, select, input, [role=region], [role=img]")]
        .filter((element) => element.checkVisibility() && !(element.getAttribute("aria-label")
            || element.textContent.trim()
            || element.labels?.length || element.closest(".dt-container, .modebar")))
        .map((element) => element.outerHTML)"""
    assert page.evaluate(nameless) == []
    levels = [
        int(level) for level in page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => h.tagName[1])")
    ]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_the_page_prints_with_every_figure_and_all_details(visit: Visit) -> None:
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for place in visit.page.locator(".plot").all():
        expect(place).to_have_attribute("data-drawn", "yes", timeout=30_000)
    assert visit.page.locator("details:not([open])").count() == 0
    assert visit.page.pdf().startswith(b"%PDF")


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
    visit.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    visit.open_card(visit.column(1)[2])
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.close()
