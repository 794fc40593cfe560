import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from packed_blocks import block, text
from simulated_run import MARKUP, SETTINGS

from landex.report import materials
from landex.report.downloads import downloads
from landex.report.figures import density_figure, scatter_figure, write_figures
from landex.report.lines import lines_of
from landex.report.methods import as_text, methods
from landex.report.page import write_page
from landex.report.run import Run
from landex.report.wording import setting
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
        self.blocks: dict[str, dict[str, str | None]] = {}
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
            self.blocks[self._script] = dict(attrs)

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
    headline, *more = run.verdict["sentence"].iloc[0].split(". ", 1)
    told = [headline, *more]
    for place, rows in run.verdict.iloc[1:-1].groupby("place", sort=False):
        told.append(f"{place}: {' '.join(rows['sentence'])}")
    told.append(run.verdict["sentence"].iloc[-1])
    assert len(told) == len(more) + 2 + len(run.views)
    places = [page.text.index(sentence) for sentence in told]
    assert places == sorted(places)
    assert places[-1] < page.text.index("Error of every model in every cohort")


def test_the_page_holds_every_gene_and_number_of_genes_tsv_at_the_digits_shown(page: Page, run: Run) -> None:
    names = [line.split("\t") for line in text(page.scripts["block-names"]).split("\n")]
    assert [row[0] for row in names] == run.genes["gene"].tolist()
    assert [row[4] for row in names] == ["0"] * 118 + ["1"] * 2
    for measure in ("mae", "pearson"):
        packed = block(page.blocks[f"block-{measure}"], page.scripts[f"block-{measure}"])
        assert packed.shape == (5, 5, 120)
        for place, (cohort, scaling) in enumerate(run.views):
            for which, model in enumerate(run.models):
                table = run.genes[f"{measure}.{model}.{cohort}.{scaling}"]
                expected = ["" if pd.isna(value) else f"{value:.3f}" for value in table]
                shown = ["" if value == -(2**31) + 1 else f"{value / 1000:.3f}" for value in packed[place, which]]
                assert [value.replace("-0.000", "0.000") for value in expected] == shown


def test_markup_in_data_is_shown_as_text_and_never_as_markup(html: str, page: Page) -> None:
    assert MARKUP not in html
    assert MARKUP in page.text
    assert not [attributes for tag, attributes in page.tags if tag == "img" or "onerror" in attributes]
    assert text(page.scripts["block-names"]).split("\n")[1].split("\t")[1] == MARKUP
    figures = json.loads(text(page.scripts["block-figures"]))
    # plotly reads text as markup.
    labels = [label for label in figures["heatmap-ridge"]["data"][0]["x"] if "onerror" in label]
    assert all("<" not in label for label in labels)
    assert "<" not in "".join(content for name, content in page.scripts.items() if name != "code")


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
    assert {a["id"] for t, a in page.tags if t in ("select", "input")} == labelled


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
    assert ["leukaemia", "auxiliary", "ALL"] in [row[:3] for row in rows]
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
    settings = replace(SETTINGS, split={**SETTINGS.split, "by": "series"})
    by_series = Page(rendered(replace(run, settings=settings), tmp_path))
    assert "flatter every model" not in by_series.text
    assert ["training", "fitting, references and scaling", "159", "159", "1"] in [
        [cell.strip() for cell in cells] for _, cells in by_series.rows
    ]


def test_the_same_run_gives_the_same_bytes(html: str, run: Run, tmp_path: Path) -> None:
    assert rendered(run, tmp_path) == html


def without_parts(run: Run) -> Run:
    """Return the run without networks, external cohorts and all that the config need not ask for."""
    linear = {name: record for name, record in run.models.items() if record.kind != "network"}
    absent = [column for column in run.genes if set(column.split(".")) & {"relu_tanh", "dgex", "deep"}]

    def there(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["model"].isin(linear) & (table["cohort"] == "test")]

    return replace(
        run, models=linear, histories={}, genes=run.genes.drop(columns=absent), importance={},
        summary=there(run.summary), classes=there(run.classes), intervals=there(run.intervals),
        generalisation=run.generalisation.head(0), learning_curve=run.learning_curve.head(0),
        trust={name: run.trust[name] for name in linear}, outliers={"test": run.outliers["test"]},
        observed=[replace(run.observed[0], predicted=dict.fromkeys(linear, run.observed[0].truth))],
        profiles=run.profiles[:1], quality={"gdsc": run.quality["gdsc"]},
        settings=replace(SETTINGS, external={}, auxiliary={}),
    )  # fmt: skip


def test_what_a_run_does_not_have_has_no_section(run: Run, tmp_path: Path) -> None:
    reduced = without_parts(run)
    page = Page(rendered(reduced, tmp_path))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {"results", "genes", "scatter", "trust", "methods"} <= ids
    assert not {"learning", "importance"} & ids
    assert {a["href"] for t, a in page.tags if t == "a" and str(a.get("href")).startswith("#")} <= {
        f"#{i}" for i in ids
    }
    write_figures(tmp_path / "figures", reduced)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {name for name in names if name.endswith("svg")} == {"density.test.svg", "improvement.svg", "coverage.svg"}


def test_a_run_of_the_baseline_alone_has_a_page(run: Run, tmp_path: Path) -> None:
    reduced = without_parts(run)
    only = {"ridge": reduced.models["ridge"]}

    def own(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["model"] == "ridge"]

    columns = [column for column in reduced.genes if "." not in column or "ridge" in column]
    alone = replace(
        reduced, models=only, genes=reduced.genes[columns], summary=own(reduced.summary), classes=own(reduced.classes),
        intervals=own(reduced.intervals), trust={"ridge": reduced.trust["ridge"]},
    )  # fmt: skip
    page = Page(rendered(alone, tmp_path))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert not {"scatter", "learning", "importance"} & ids
    assert "card" in ids
    write_figures(tmp_path / "figures", alone)


def test_a_single_target_gene_has_a_page(run: Run, tmp_path: Path) -> None:
    observed = [
        replace(view, truth=view.truth[:1], predicted={name: some[:1] for name, some in view.predicted.items()})
        for view in run.observed
    ]
    single = replace(run, genes=run.genes.head(1), levels=run.levels.head(1), observed=observed)
    lines = lines_of(run.models, "ridge")
    for name, figure in (
        ("density", density_figure(single.genes, "test", ["training"], lines)),
        ("scatter", scatter_figure(single.genes, "test", ["training"], "deep", ["ridge"])),
    ):
        figure.savefig(tmp_path / f"{name}.svg")
    page = Page(rendered(single, tmp_path))
    assert text(page.scripts["block-names"]).split("\t")[:2] == ["NA", "NA"]
    figures = json.loads(text(page.scripts["block-figures"]))
    assert {trace["mode"] for trace in figures["density-test-training"]["data"]} == {"markers"}


def test_a_simulated_run_says_so_before_all_else(run: Run, tmp_path: Path) -> None:
    page = Page(rendered(replace(run, note="Simulated <run>"), tmp_path))
    assert page.text.index("Simulated <run>") < page.text.index(run.verdict["sentence"].iloc[0].split(". ")[0])


def test_pieces_of_a_model_are_told_in_captions_and_costs(page: Page) -> None:
    captions = {attributes.get("id"): str(attributes.get("aria-label")) for _, attributes in page.tags}
    assert captions["learning-dgex"].endswith("in z-scores; a pair of curves for each of its 3 networks.")
    assert "networks" not in captions["learning-deep"]
    assert "12 at most, 3 networks; no better for 3 epochs" in page.text


def test_the_verdicts_figure_shows_the_improvements_of_the_summary(page: Page, run: Run) -> None:
    rows = [[cell.strip() for cell in cells] for _, cells in page.rows]
    own = run.summary[run.summary["model"] == "deep"]
    shown = [row for row in rows if row[-4:-2] == ["", "deep"] or row[-3:-2] == ["deep"]]
    figures = [row[-2] for row in shown if row[-1] in ("better", "worse", "undecided")]
    expected = [
        f"{row.improvement_percent:+.1f} % [{row.improvement_low:+.1f}, {row.improvement_high:+.1f}]".replace(
            "-", "\N{MINUS SIGN}"
        )
        for row in own.itertuples()
    ]
    assert figures == expected


def test_trust_is_told_by_class_and_as_far_as_it_was_confirmed(page: Page, run: Run) -> None:
    counts = run.trust["deep"]["trust"].value_counts()
    worth = run.classes[(run.classes["model"] == "deep") & (run.classes["trust"] == "usable")]
    numbers = [f"{counts[name]} {100 * counts[name] / 120:.1f} %" for name in ("usable", "caution", "do not use")]
    confirmed = [f"{value:.1f} %" for value in worth["confirmed_percent"]]
    rows = [[" ".join(cell.split()) for cell in cells] for _, cells in page.rows]
    assert ["deep", "", *numbers, *confirmed] in rows


def test_coverage_in_numbers_is_that_of_intervals_tsv(page: Page, run: Run) -> None:
    shown = {str(a["data-interval"]): cells for a, cells in page.rows if "data-interval" in a}
    for model, cells in shown.items():
        table = run.intervals[run.intervals["model"] == model]
        expected = [
            text for row in table.itertuples() for text in (f"{row.coverage_percent:.1f} %", f"{row.half_width:.3f}")
        ]
        assert cells[1:] == expected


def test_downloads_are_the_runs_tables_to_the_byte(page: Page, run: Run) -> None:
    offered = [str(a["data-download"]) for t, a in page.tags if "data-download" in a]
    assert offered == [table.name for table in downloads(run)]
    assert {"summary.tsv", "trust.tsv", "landmarks.deep.tsv", "samples.kidney.tsv"} <= set(offered)
    for name, table in (("summary.tsv", run.summary), ("intervals.tsv", run.intervals)):
        assert text(page.scripts[f"block-table-{name}"]) == table.to_csv(sep="\t", index=False, float_format="%.6g")


def test_the_methods_stand_in_the_page_and_ready_to_be_copied(page: Page, run: Run) -> None:
    told = methods(run)
    assert all(paragraph in page.text for _, paragraphs in told for paragraph in paragraphs)
    (copied,) = [a["data-text"] for t, a in page.tags if t == "script" and a.get("id") == "methods-text"]
    assert copied == as_text(told)
    assert (
        "Beside the compendium ols learnt from the auxiliary cohorts leukaemia (the matrix file leukaemia.h5ad; 30 "
        "samples; values read as log2), each scaled to z-scores by its own means and deviations"
        in dict(told)["Data"][0]
    )


def test_settings_are_shown_as_a_config_writes_them() -> None:
    values = (None, True, [8, 16], 0.25, "dgex", {"random": 1, "seed": 2})
    assert [setting(value) for value in values] == ["null", "true", "8, 16", "0.25", "dgex", "random: 1, seed: 2"]


def test_the_page_of_five_models_and_5300_targets_stays_below_7_mb(large_run: Run, tmp_path: Path) -> None:
    assert len(rendered(large_run, tmp_path).encode()) < 7_000_000


def columns(**changed: Any) -> pd.DataFrame:
    quality = {"sample": ["a", "b", "c"], "series": "S", "platform": "", "kept": [1, 1, 0], "reason": ["", "", "no"]}
    quantiles = {name: [1.0, 3.0, np.nan] for name in QUANTILES}
    return pd.DataFrame(
        {**quality, "scale": ["log2", "linear", ""], **quantiles, "missing": [0.1, 0.3, 1.0], **changed}
    )


def test_long_lists_of_numbers_are_shown_by_their_ends_and_names_in_full() -> None:
    assert setting([0.001, *range(1, 8)]) == "8 values from 0.001 to 7"
    assert setting(list("abcdefg")) == "a, b, c, d, e, f, g"


def test_scale_decisions_and_missing_values_count_the_samples_kept() -> None:
    facts = materials.cohort_facts("x", columns(), "compendium")
    assert [(decision.scale, decision.samples) for decision in facts.scales] == [("linear", 1), ("log2", 1)]
    assert facts.missing == pytest.approx(0.2)
    assert (facts.kept, dict(facts.reasons), facts.rejected) == (2, {"no": 1}, (("c", "S", "no"),))
    assert facts.platforms == ()
    together = materials.cohort_facts("x", columns(scale="log2"), "compendium")
    assert together.scales[0].quantiles == (2.0,) * 6


def test_the_error_of_every_genes_mean_stands_below_the_models(html: str, run: Run) -> None:
    shown = re.findall(r'data-null="([^"]+)">([^<]*)<', html)
    baseline = run.summary[run.summary["model"] == run.baseline]
    expected = [(f"{row.cohort}-{row.scaling}", f"{row.null_mae:.3f}") for row in baseline.itertuples()]
    assert shown == expected


def test_genes_without_an_entrez_id_are_counted_and_named(page: Page) -> None:
    assert "2 genes have no Entrez id and go by their own name: L28, L29." in page.text
