import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from landex.page import Run, _setting, page_figures, write_figures, write_page
from simulated_run import MARKUP, simulated_run

from landex import figures, materials
from landex.vocabulary import QUANTILES

TEMPLATE = Path(__file__).parents[2] / "workflow/report/page.html.j2"
# What a browser fetches by itself; the `href` of an <a> is followed by readers only.
FETCHING = {"src", "srcset", "href", "data", "poster", "action"}


class Page(HTMLParser):
    """The page as a browser sees it: tags with attributes, table rows, text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[tuple[dict[str, str | None], list[str]]] = []
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._inside: list[str] = []
        self._script = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)
        if tag == "tr":
            self.rows.append((dict(attrs), []))
        elif tag in ("td", "th"):
            self.rows[-1][1].append("")
        elif tag == "script":
            self._script = dict(attrs).get("id") or "code"

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] == "script":
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        elif "style" not in self._inside:
            self.text += data
            if {"td", "th"} & set(self._inside):
                self.rows[-1][1][-1] += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulated_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def large_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulated_run(tmp_path_factory.mktemp("large"), targets=5300)


@pytest.fixture(scope="module")
def html(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    return rendered(run, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def rendered(run: Run, folder: Path) -> str:
    write_page(folder / "report.html", run, TEMPLATE)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_every_number_of_the_results_table_is_the_summarys(page: Page, run: Run) -> None:
    shown = {str(attributes["data-model"]): cells for attributes, cells in page.rows if "data-model" in attributes}
    assert list(shown) == list(run.models)
    for model, cells in shown.items():
        expected = []
        for row in run.summary[run.summary["model"] == model].to_dict("records"):
            gain, better = row["improvement_percent"], row["genes_better_percent"]
            bounds = f"[{row['improvement_low']:+.1f}, {row['improvement_high']:+.1f}]"
            signed = f"{gain:+.1f} % {bounds}".replace("-", "\N{MINUS SIGN}")
            baseline = model == "ridge"
            expected += [f"{row['mae']:.3f}", *(["\N{EN DASH}"] * 2 if baseline else [signed, f"{better:.1f} %"])]
        assert [cell.strip() for cell in cells[1:]] == expected


def test_the_verdict_of_the_evaluation_stands_on_top_place_by_place(page: Page, run: Run) -> None:
    told = [run.verdict["sentence"].iloc[0]]
    for place, rows in run.verdict.iloc[1:].groupby("place", sort=False):
        told.append(f"{place}: {' '.join(rows['sentence'])}")
    assert len(told) == 1 + len(run.views)
    places = [page.text.index(sentence) for sentence in told]
    assert places == sorted(places)
    assert places[-1] < page.text.index("Error of every model in every cohort")


def test_the_gene_table_holds_every_gene_and_number_of_genes_tsv(page: Page, run: Run) -> None:
    table = json.loads(page.scripts["genes-data"])
    titles = [(column["title"], column["view"]) for column in table["columns"]]
    shown = pd.DataFrame(table["rows"], columns=pd.MultiIndex.from_tuples(titles))
    assert shown[("Gene", np.nan)].tolist() == run.genes["gene"].tolist()
    assert shown[("Overlapping", np.nan)].tolist() == [""] * 118 + ["yes"] * 2
    for cohort, scaling in run.views:
        for model in run.models:
            column = shown[(f"MAE {model}", f"{cohort}-{scaling}")].astype(float)
            np.testing.assert_allclose(column, run.genes[f"mae.{model}.{cohort}.{scaling}"], atol=5.01e-4)


def test_markup_in_data_is_shown_as_text_and_never_as_markup(html: str, page: Page) -> None:
    assert MARKUP not in html
    assert MARKUP in page.text
    assert not [attributes for tag, attributes in page.tags if tag == "img" or "onerror" in attributes]
    assert json.loads(page.scripts["genes-data"])["rows"][1][0] == MARKUP
    assert "<" not in page.scripts["genes-data"] + page.scripts["figures"]


def test_plotly_gets_gene_names_escaped_because_it_reads_text_as_markup(run: Run) -> None:
    traces = page_figures(run)["scatter-test-training"]["data"]
    names = {name for trace in traces for name in trace.get("text", [])}
    assert MARKUP not in names
    assert MARKUP in {unescape(name) for name in names}


def test_nothing_is_loaded_from_a_network(html: str, page: Page) -> None:
    loaded = [
        (tag, value)
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in FETCHING and tag != "a" and value
    ]
    assert loaded == [("link", "data:,")]
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL))
    assert not re.search(r"@import|url\(\s*['\"]?(?!data:)", styles)


def test_the_page_has_landmarks_captions_and_scopes(page: Page) -> None:
    tags = [tag for tag, _ in page.tags]
    assert (tags.count("main"), tags.count("nav"), tags.count("h1")) == (1, 1, 1)
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    anchors = {a["href"] for t, a in page.tags if t == "a" and (a.get("href") or "").startswith("#")}
    ids = {f"#{a['id']}" for _, a in page.tags if a.get("id")}
    assert anchors <= ids
    labelled = {a["for"] for t, a in page.tags if t == "label"}
    assert {a["id"] for t, a in page.tags if t == "select"} == labelled


def test_the_facts_of_samples_split_and_genes_are_told(page: Page) -> None:
    rows = [[cell.strip() for cell in cells] for _, cells in page.rows]
    reason = "more than half of the values missing"
    cohort = [
        "geuvadis",
        "external test",
        "Geuvadis",
        "RNA-seq counts",
        "83",
        "2",
        f"{reason}: 2",
        "counts: 83",
        "1.0 %",
    ]
    assert cohort in rows
    assert ["geuvadis", "counts", "83", "0.10", "2.00", "5.00", "80.00", "900.00", "25,000.00"] in rows
    assert ["training", "fitting, references and scaling", "159", "1"] in rows
    assert ["gdsc4", "gdsc", "1", "0.0123"] in rows
    assert ["unused", "not asked for", "10"] in rows
    assert "1 group found, 1 sample left out" in " ".join(page.text.split())


def test_a_split_by_sample_of_one_series_is_owned_up_to(page: Page, run: Run, tmp_path: Path) -> None:
    note = (
        "The split is by sample because the compendium is a single series (GDSC): replicates and a series' batch "
        "effects stand on both sides, so the test figures flatter every model; the external cohorts are the honest "
        "test."
    )
    assert note in page.text
    assert materials.split_note(run.split, "series", run.external) is None
    two = pd.concat([run.split, run.split.assign(series="GSE1")])
    assert "single series" not in str(materials.split_note(two, "sample", []))
    assert "add an external cohort" in str(materials.split_note(two, "sample", []))
    by_series = Page(rendered(replace(run, split_by="series"), tmp_path))
    assert "Read with care" not in by_series.text
    assert ["training", "fitting, references and scaling", "159", "159", "1"] in [
        [cell.strip() for cell in cells] for _, cells in by_series.rows
    ]


def test_the_same_run_gives_the_same_bytes(html: str, run: Run, tmp_path: Path) -> None:
    assert rendered(run, tmp_path) == html


def test_a_run_without_networks_has_a_page_without_their_sections(run: Run, tmp_path: Path) -> None:
    linear = {name: record for name, record in run.models.items() if record.kind != "network"}
    absent = [column for column in run.genes if set(column.split(".")) & {"relu_tanh", "dgex", "deep"}]
    reduced = replace(
        run, models=linear, histories={}, external=[], genes=run.genes.drop(columns=absent),
        summary=run.summary[run.summary["model"].isin(linear) & (run.summary["cohort"] == "test")],
    )  # fmt: skip
    page = Page(rendered(reduced, tmp_path))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert "results" in ids
    assert not {"scatter", "learning"} & ids
    write_figures(tmp_path / "figures", reduced)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["density.test.svg"]


def test_a_single_target_gene_is_drawn_as_a_mark(run: Run, tmp_path: Path) -> None:
    only = run.genes.head(1)
    errors = figures.counted_errors(only, "test", "training")
    figure = figures.density_figure(errors, figures.lines_of(run.models, "ridge"))
    assert {trace.mode for trace in figure.data} == {"markers"}
    single = replace(run, genes=only)
    write_figures(tmp_path / "figures", single)
    rows = json.loads(Page(rendered(single, tmp_path)).scripts["genes-data"])["rows"]
    assert [row[:2] for row in rows] == [["NA", "NA"]]


def test_a_density_integrates_to_one() -> None:
    grid = np.linspace(0, 2, 2001)
    curve = figures.density(np.random.default_rng(1).gamma(9, 0.06, 500), grid)
    assert curve is not None
    assert np.trapezoid(curve, grid) == pytest.approx(1, abs=1e-3)


def test_the_scatter_counts_the_genes_on_each_side(run: Run) -> None:
    errors = figures.counted_errors(run.genes, "test", "training")
    better = int((errors["deep"] < errors["ridge"]).sum())
    names = [trace.name for trace in figures.scatter_figure(errors, "deep", "ridge").data]
    assert names[:2] == [f"deep better ({better})", f"not better ({118 - better})"]


def test_colours_differ_and_linear_models_are_dashed(run: Run) -> None:
    lines = figures.lines_of(run.models, "ridge")
    assert lines["ridge"].colour == figures.BASELINE_GREY
    assert len({line.colour for line in lines.values()}) == len(lines)
    assert [name for name, line in lines.items() if line.dashed] == ["ols", "ridge"]


def test_static_figures_are_small_repeatable_and_one_a_cohort(large_run: Run, tmp_path: Path) -> None:
    write_figures(tmp_path / "once", large_run)
    write_figures(tmp_path / "twice", large_run)
    cohorts = ("test", "kidney", "geuvadis")
    expected = [f"{kind}.{cohort}.svg" for kind in ("density", "scatter") for cohort in cohorts]
    found = {path.name: path.read_bytes() for path in (tmp_path / "once").iterdir()}
    assert sorted(found) == sorted([*expected, "learning_curves.svg"])
    assert max(map(len, found.values())) < 300_000
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "twice").iterdir()}


def test_every_piece_of_a_model_has_its_learning_curves_in_one_colour(run: Run, page: Page) -> None:
    assert run.histories["dgex"]["piece"].unique().tolist() == ["1.1", "1.2", "1.10"]
    traces = figures.learning_figure(run.histories["dgex"], None).data
    assert [len(trace.x) for trace in traces] == [12, 12, 10] * 2
    assert [trace.showlegend for trace in traces] == [True, False, False] * 2
    assert [len({trace.line.color for trace in half}) for half in (traces[:3], traces[3:])] == [1, 1]
    assert len({trace.line.color for trace in traces}) == 2
    drawn = page_figures(run)
    assert [len(drawn[f"learning-{network}"]["data"]) for network in ("dgex", "deep")] == [6, 2]
    assert "shapes" not in drawn["learning-dgex"]["layout"]
    assert len(drawn["learning-deep"]["layout"]["shapes"]) == 1
    captions = {attributes.get("id"): str(attributes.get("aria-label")) for _, attributes in page.tags}
    assert captions["learning-dgex"].endswith("in z-scores; a pair of curves for each of its 3 networks")
    assert "networks" not in captions["learning-deep"]
    assert "12 at most, 3 networks; no better for 3 epochs" in page.text


def test_settings_are_shown_as_a_config_writes_them() -> None:
    assert [_setting(value) for value in (None, True, [8, 16], 0.25, "dgex")] == [
        "null",
        "true",
        "8, 16",
        "0.25",
        "dgex",
    ]


def test_the_page_of_five_models_and_5300_targets_stays_below_9_mb(large_run: Run, tmp_path: Path) -> None:
    assert len(rendered(large_run, tmp_path).encode()) < 9_000_000


def columns(**changed: Any) -> pd.DataFrame:
    quality = {"sample": ["a", "b", "c"], "series": "S", "platform": "", "kept": [1, 1, 0], "reason": ["", "", "no"]}
    quantiles = {name: [1.0, 3.0, np.nan] for name in QUANTILES}
    return pd.DataFrame(
        {**quality, "scale": ["log2", "linear", ""], **quantiles, "missing": [0.1, 0.3, 1.0], **changed}
    )


def test_long_lists_of_numbers_are_shown_by_their_ends_and_names_in_full() -> None:
    assert _setting([0.001, *range(1, 8)]) == "8 values from 0.001 to 7"
    assert _setting(list("abcdefg")) == "a, b, c, d, e, f, g"


def test_scale_decisions_and_missing_values_count_the_samples_kept() -> None:
    facts = materials.cohort_facts("x", columns(), external=False)
    assert [(decision.scale, decision.samples) for decision in facts.scales] == [("linear", 1), ("log2", 1)]
    assert facts.missing == pytest.approx(0.2)
    assert (facts.kept, dict(facts.reasons), facts.rejected) == (2, {"no": 1}, (("c", "S", "no"),))
    assert facts.platforms == ()
    together = materials.cohort_facts("x", columns(scale="log2"), external=False)
    assert together.scales[0].quantiles == (2.0,) * 6


def test_the_error_of_every_genes_mean_stands_below_the_models(html: str, run: Run) -> None:
    shown = re.findall(r'data-null="([^"]+)">([^<]*)<', html)
    baseline = run.summary[run.summary["model"] == run.baseline]
    expected = [(f"{row.cohort}-{row.scaling}", f"{row.null_mae:.3f}") for row in baseline.itertuples()]
    assert shown == expected


def test_genes_without_an_entrez_id_are_counted_and_named(page: Page) -> None:
    assert "2 genes have no Entrez id and go by their own name: L28, L29." in page.text
