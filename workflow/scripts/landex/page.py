"""Page of a run: one self-contained HTML file, readable from disk without any network.

plotly.js and DataTables (as itables ships it) are embedded once. All that came from data reaches the template
as plain values: Jinja2 escapes them in HTML, and `tojson` escapes them inside scripts.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import itables.options
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from landex import figures, materials
from landex.files import atomic
from landex.summary import SUMMARY_COLUMNS, TEST, ModelRecord, best_network, read_models, read_table, view_name

# Longer lists are cut on the page; the tables beside it hold them whole.
_LISTED = 200
# Three decimals: the spread of a per-gene MAE between seeds is larger than .0005.
_DECIMALS = 3
_NO_VALUE = "\N{EN DASH}"


@dataclass(frozen=True)
class Run:
    """Everything that the page tells, as the stages before left it.

    `summary` and `genes` are the report's own tables, `verdict` the evaluation's; `histories` holds the networks'
    learning curves by model, `quality` the table of samples by cohort; `split_by`, `fractions` and `seed` are the
    settings.
    """

    summary: pd.DataFrame
    genes: pd.DataFrame
    verdict: pd.DataFrame
    models: Mapping[str, ModelRecord]
    histories: Mapping[str, pd.DataFrame]
    quality: Mapping[str, pd.DataFrame]
    duplicates: pd.DataFrame
    split: pd.DataFrame
    roles: pd.DataFrame
    baseline: str
    external: Sequence[str]
    split_by: str
    fractions: Sequence[float]
    seed: int

    @property
    def views(self) -> list[tuple[str, str]]:
        """Cohorts and scalings that were evaluated, in the summary's order."""
        pairs = self.summary[["cohort", "scaling"]].drop_duplicates()
        return list(pairs.itertuples(index=False, name=None))

    @property
    def network(self) -> str | None:
        """The network that the page sets against the baseline."""
        return best_network(self.models, self.baseline)


def read_run(
    *,
    summary: str,
    genes: str,
    verdict: str,
    metrics: Iterable[str],
    histories: Iterable[str],
    quality: Iterable[str],
    duplicates: str,
    split: str,
    roles: str,
    **settings: Any,
) -> Run:
    """Read the files of a run; `settings` are the fields of `Run` that are no files.

    A history is named for its folder (the model), a table of samples for its file (`{cohort}.qc.tsv`).
    """
    return Run(
        summary=_read_table(summary, text=("cohort", "scaling", "model", "kind")),
        genes=_read_table(genes, text=("gene", "symbol", "ensembl", "cmap")),
        verdict=read_table(verdict),
        models=read_models(metrics),
        histories={Path(path).parent.name: _read_table(path, text=("piece",)) for path in histories},
        quality={
            Path(path).name.removesuffix(".qc.tsv"): _read_table(
                path, text=("sample", "series", "platform", "reason", "scale")
            )
            for path in quality
        },
        duplicates=_read_table(duplicates, text=("sample", "cohort", "group")),
        split=_read_table(split, text=("sample", "source", "series", "group", "part")),
        roles=_read_table(roles, text=("gene", "symbol", "ensembl", "cmap", "role", "reason")),
        **settings,
    )


def _read_table(path: str, *, text: Sequence[str]) -> pd.DataFrame:
    """Read a table whose `text` columns are kept as written (a gene may be called NA)."""
    header = pd.read_csv(path, sep="\t", nrows=0).columns
    return pd.read_csv(
        path,
        sep="\t",
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values={column: [""] for column in header if column not in text},
    )


def write_page(path: str | Path, run: Run, template: str | Path) -> None:
    """Render the page with a Jinja2 template; its style and script lie beside it."""
    template = Path(template)
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters.update(_FILTERS)
    html = environment.get_template(template.name).render(page_content(run))
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def write_figures(folder: str | Path, run: Run) -> None:
    """Write the static figures: density.{cohort}.svg, and where there is a network scatter.{cohort}.svg too.

    `learning_curves.svg` is written where networks have histories.
    """
    folder = Path(folder)
    lines = figures.lines_of(run.models, run.baseline)
    for cohort in (TEST, *run.external):
        scalings = [scaling for evaluated, scaling in run.views if evaluated == cohort]
        figures.write_density(folder / f"density.{cohort}.svg", run.genes, cohort, scalings, lines)
        if run.network:
            path = folder / f"scatter.{cohort}.svg"
            figures.write_scatter(path, run.genes, cohort, scalings, run.network, run.baseline)
    if run.histories:
        figures.write_learning_curves(folder / "learning_curves.svg", run.histories, run.models)


def page_content(run: Run) -> dict[str, Any]:
    """Gather what the template shows, as plain values."""
    bundle = Path(itables.options.dt_bundle)
    cohorts = [
        materials.cohort_facts(name, table, external=name in run.external) for name, table in run.quality.items()
    ]
    return {
        "headline": run.verdict["sentence"].iloc[0],
        "verdict": _by_place(run.verdict.iloc[1:]),
        "baseline": run.baseline,
        "network": run.network,
        "models": list(run.models.values()),
        "pieces": {name: history["piece"].nunique() for name, history in run.histories.items()},
        "views": [{"id": f"{cohort}-{scaling}", "name": view_name(cohort, scaling)} for cohort, scaling in run.views],
        "results": _results(run.summary),
        "cohorts": cohorts,
        "duplicates": materials.duplicate_facts(run.duplicates),
        "parts": materials.part_facts(run.split),
        "split": {"by": run.split_by, "fractions": run.fractions, "seed": run.seed},
        "split_note": materials.split_note(run.split, run.split_by, run.external),
        "roles": materials.role_counts(run.roles),
        "unmapped": materials.unmapped_genes(run.roles),
        "overlapping": int(run.genes["overlapping"].sum()),
        "figures": page_figures(run),
        "gene_table": gene_table(run),
        "listed": _LISTED,
        "plotly_source": Markup(get_plotlyjs()),
        "datatables_source": bundle.read_text(encoding="utf-8"),
        "datatables_style": Markup(bundle.with_suffix(".css").read_text(encoding="utf-8")),
    }


def _by_place(verdict: pd.DataFrame) -> dict[str, list[str]]:
    """Gather the verdict's sentences by the place that they speak of."""
    return {str(place): rows["sentence"].tolist() for place, rows in verdict.groupby("place", sort=False)}


def _results(summary: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """Key the rows of the summary by view id and model; `lowest` marks a view's smallest MAE."""
    results: dict[str, dict[str, dict[str, Any]]] = {}
    lowest = summary.groupby(["cohort", "scaling"])["mae"].transform("min")
    for row, best in zip(summary[list(SUMMARY_COLUMNS)].to_dict("records"), lowest, strict=True):
        view = results.setdefault(f"{row['cohort']}-{row['scaling']}", {})
        view[str(row["model"])] = {**row, "lowest": row["mae"] == best}
    return results


def page_figures(run: Run) -> dict[str, Any]:
    """Build the interactive figures, as plain plotly JSON keyed by the id of their place on the page."""
    lines = figures.lines_of(run.models, run.baseline)
    drawn = {}
    for cohort, scaling in run.views:
        errors = figures.counted_errors(run.genes, cohort, scaling)
        drawn[f"density-{cohort}-{scaling}"] = figures.density_figure(errors, lines)
        if run.network:
            drawn[f"scatter-{cohort}-{scaling}"] = figures.scatter_figure(errors, run.network, run.baseline)
    for network, history in run.histories.items():
        drawn[f"learning-{network}"] = figures.learning_figure(history, run.models[network].best_epoch)
    # Without plotly's default template, which the page's own theme replaces (7 kB a figure).
    return {key: json.loads(figure.update_layout(template="none").to_json()) for key, figure in drawn.items()}


def gene_table(run: Run) -> dict[str, Any]:
    """Lay out the per-gene table: identifiers, then columns that belong to one view each.

    Returns
    -------
    dict
        `columns`: dicts of title, view id (None: text that is always shown) and digits; `rows`: lists of
        values rounded to these digits, None where there is none. Shown are the MAE of every model in
        z-scores, how much the chosen network lowers the baseline's, and Pearson's correlation of these two.
    """
    genes = run.genes
    titles = {"Symbol": "symbol", "Gene": "gene", "Ensembl": "ensembl", "CMap": "cmap"}
    identifiers = genes[list(titles.values())].set_axis(list(titles), axis="columns")
    if genes["overlapping"].any():
        identifiers["Overlapping"] = genes["overlapping"].map({0: "", 1: "yes"})
    columns: list[dict[str, Any]] = [{"title": title, "view": None} for title in identifiers]
    compared = [name for name in (run.baseline, run.network) if name]
    parts = [identifiers.astype(object)]
    for cohort, scaling in run.views:
        chosen = {f"MAE {model}": genes[f"mae.{model}.{cohort}.{scaling}"] for model in run.models}
        digits = dict.fromkeys(chosen, _DECIMALS)
        if run.network:
            title = f"Gain {run.network} (%)"
            chosen[title] = 100 * (1 - chosen[f"MAE {run.network}"] / chosen[f"MAE {run.baseline}"])
            digits[title] = 1
        for model in compared:
            chosen[f"Pearson {model}"] = genes[f"pearson.{model}.{cohort}.{scaling}"]
            digits[f"Pearson {model}"] = _DECIMALS
        view = f"{cohort}-{scaling}"
        columns += [{"title": title, "view": view, "digits": digits[title]} for title in chosen]
        values = pd.DataFrame(chosen).round(digits).astype(object)
        parts.append(values.where(values.notna(), None))
    return {"columns": columns, "rows": pd.concat(parts, axis=1).to_numpy().tolist()}


def _decimals(value: float, places: int = _DECIMALS) -> str:
    return _NO_VALUE if pd.isna(value) else f"{value:,.{places}f}"


def _signed_number(value: float) -> str:
    return _NO_VALUE if pd.isna(value) else f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _signed(value: float) -> str:
    return _NO_VALUE if pd.isna(value) else f"{_signed_number(value)} %"


def _percent(value: float) -> str:
    return _NO_VALUE if pd.isna(value) else f"{value:.1f} %"


def _thousands(value: float) -> str:
    return f"{value:,.0f}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _memory(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _setting(value: Any) -> str:
    """Write one setting as in a config; a long list of numbers by its ends."""
    if isinstance(value, list | tuple):
        if len(value) > 6 and not isinstance(value[0], str):
            return f"{len(value)} values from {value[0]:g} to {value[-1]:g}"
        return ", ".join(map(_setting, value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


_FILTERS: dict[str, Callable[..., str]] = {
    "decimals": _decimals,
    "signed": _signed,
    "signed_number": _signed_number,
    "percent": _percent,
    "thousands": _thousands,
    "duration": _duration,
    "memory": _memory,
    "setting": _setting,
}
