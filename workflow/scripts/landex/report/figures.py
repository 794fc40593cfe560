"""Static figures, as papers print them: each as SVG, PDF and PNG."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landex.files import atomic
from landex.report.charts import CURVES, ERROR_AXIS, curve_width
from landex.report.densities import axis_end, counted_errors, densities
from landex.report.lines import BASELINE_GREY, OKABE_ITO, Line, lines_of
from landex.report.run import Run
from landex.summary import TEST, ModelRecord, view_name

# What papers take: two that can be edited, one that every program shows.
FORMATS = ("svg", "pdf", "png")
# Rasterised points and PNG: print quality asks for 300 dots an inch, for points inside a vector figure half is enough.
_DOTS = {"svg": 150, "pdf": 150, "png": 300}
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "svg.fonttype": "none",
    # Text that an editor can change.
    "pdf.fonttype": 42,
    # The same input gives the same bytes.
    "svg.hashsalt": "landex",
}
# No date, so that the same input gives the same bytes.
_METADATA: Mapping[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}


def linear_regression(models: Mapping[str, ModelRecord]) -> str | None:
    """Name the plain linear regression among the models, which papers compare with; None where there is none."""
    return next((name for name, record in models.items() if record.kind == "ols"), None)


def neighbours(models: Mapping[str, ModelRecord]) -> str | None:
    """Name the nearest neighbours among the models: the paper's KNN-GE before those of samples; None without any."""
    kinds = {record.kind: name for name, record in reversed(list(models.items()))}
    return kinds.get("knn_ge") or kinds.get("knn")


def opponents(models: Mapping[str, ModelRecord], baseline: str, network: str | None) -> list[str]:
    """List what the network is drawn against, gene by gene: the baseline, linear regression, nearest neighbours."""
    if not network:
        return []
    named = (baseline, linear_regression(models), neighbours(models))
    return [name for name in dict.fromkeys(named) if name and name != network]


def write_figures(folder: str | Path, run: Run) -> None:
    """Write all static figures.

    `density.{cohort}` and, where there is a network, `scatter.{cohort}`; `improvement` where a model is compared with
    the baseline; `coverage`; `learning_curves` where networks have histories.
    """
    folder = Path(folder)
    lines = lines_of(run.models, run.baseline)
    with mpl.rc_context(_STYLE):
        for cohort in (TEST, *run.external):
            scalings = [scaling for evaluated, scaling in run.views if evaluated == cohort]
            _write(density_figure(run.genes, cohort, scalings, lines), folder / f"density.{cohort}")
            if run.network:
                against = opponents(run.models, run.baseline, run.network)
                figure = scatter_figure(run.genes, cohort, scalings, run.network, against)
                _write(figure, folder / f"scatter.{cohort}")
        _write(improvement_figure(run.summary, run.baseline, lines), folder / "improvement")
        _write(coverage_figure(run.intervals, lines), folder / "coverage")
        if run.histories:
            _write(learning_figure(run.histories, run.models), folder / "learning_curves")


def density_figure(genes: pd.DataFrame, cohort: str, scalings: Sequence[str], lines: Mapping[str, Line]) -> Figure:
    """Draw one cohort's density of per-gene MAE, a panel a scaling."""
    figure, panels = _panels(len(scalings), width=4.2, height=3.2)
    for axes, scaling in zip(panels, scalings, strict=False):
        errors = counted_errors(genes, cohort, scaling)
        errors = errors[[model for model in errors if lines[str(model)].shown]]
        grid, curves = densities(errors)
        for model, curve in curves.items():
            line = lines[model]
            if curve is None:
                marks = errors[model].to_numpy()
                axes.plot(marks, np.zeros_like(marks), "|", ms=14, color=line.colour, label=model)
            else:
                axes.plot(grid, curve, ls=_style(line), color=line.colour, label=model, lw=1.3)
        axes.set(title=_title(cohort, scaling, len(errors)), xlabel=ERROR_AXIS, ylabel="density of genes")
        axes.set(xlim=(0, grid[-1]), ylim=(0, None))
        axes.legend(fontsize=7, handlelength=3)
    return figure


def _style(line: Line) -> Any:
    return line.style if line.dashed else "-"


def sides(errors: pd.DataFrame, network: str, other: str) -> list[tuple[str, str, pd.DataFrame]]:
    """Part the genes into those where the network is better and the others: named with their number, in a colour."""
    better = errors[network] < errors[other]
    return [
        (f"{network} better ({int(better.sum()):,})", OKABE_ITO[0], errors[better]),
        (f"not better ({int((~better).sum()):,})", OKABE_ITO[1], errors[~better]),
    ]


def scatter_figure(
    genes: pd.DataFrame, cohort: str, scalings: Sequence[str], network: str, against: Sequence[str]
) -> Figure:
    """Draw one cohort's per-gene MAE of the network against each other model, a panel each, points rasterised."""
    panelled = [(scaling, other) for scaling in scalings for other in against]
    figure, panels = _panels(len(panelled), width=3.4, height=3.6)
    for axes, (scaling, other) in zip(panels, panelled, strict=False):
        errors = counted_errors(genes, cohort, scaling)
        end = axis_end(errors[[network, other]])
        for name, colour, chosen in sides(errors, network, other):
            axes.scatter(chosen[other], chosen[network], s=4, alpha=0.4, lw=0, c=colour, label=name, rasterized=True)
        axes.axline((0, 0), slope=1, color=BASELINE_GREY, lw=0.8, ls=":")
        axes.set(xlim=(0, end), ylim=(0, end), aspect="equal", title=_title(cohort, scaling, len(errors)))
        axes.set(xlabel=f"{other}: {ERROR_AXIS}", ylabel=f"{network}: {ERROR_AXIS}")
        axes.legend(markerscale=3, fontsize=7)
    return figure


def improvement_figure(summary: pd.DataFrame, baseline: str, lines: Mapping[str, Line]) -> Figure:
    """Draw by how much every model's error is below the baseline's, with intervals, a panel a cohort and scaling."""
    views = list(summary.groupby(["cohort", "scaling"], sort=False))
    models = [model for model in summary["model"].unique() if model != baseline]
    figure, panels = _panels(len(views) if models else 0, width=3.6, height=0.9 + 0.22 * len(models))
    for axes, ((cohort, scaling), rows) in zip(panels, views, strict=False):
        rows = rows[rows["model"] != baseline].reset_index(drop=True)
        for place, row in enumerate(rows.itertuples()):
            ends = [[row.improvement_percent - row.improvement_low], [row.improvement_high - row.improvement_percent]]
            axes.errorbar(row.improvement_percent, place, xerr=np.abs(ends), fmt="o", ms=4, lw=1.2,
                          color=lines[str(row.model)].colour)  # fmt: skip
        axes.axvline(0, color=BASELINE_GREY, lw=0.8)
        axes.set_yticks(range(len(rows)), rows["model"])
        axes.set(title=view_name(str(cohort), str(scaling)), xlabel=f"error below that of {baseline} (%)")
        # A model that fails must not squeeze all others; its point lies beyond the edge.
        low = rows["improvement_low"].quantile(0.25)
        edge = max(axes.get_xlim()[0], min(-10.0, 3 * low)) if pd.notna(low) else axes.get_xlim()[0]
        axes.set_xlim(left=edge)
        for place in np.flatnonzero(rows["improvement_percent"] < edge).tolist():
            said = f"\N{BLACK LEFT-POINTING SMALL TRIANGLE} {rows['improvement_percent'][place]:.0f}"
            axes.annotate(said, (edge, place), (3, 0), textcoords="offset points", va="center", fontsize=7)
        axes.invert_yaxis()
    return figure


def coverage_figure(intervals: pd.DataFrame, lines: Mapping[str, Line]) -> Figure:
    """Draw the share of values inside their prediction intervals, a row a cohort and scaling, a point a model."""
    figure, (axes, *_) = _panels(min(len(intervals), 1), width=5.4, height=3.0)
    if intervals.empty:
        return figure
    places = list(dict.fromkeys(intervals[["cohort", "scaling"]].itertuples(index=False, name=None)))
    for model, rows in intervals.groupby("model", sort=False):
        heights = [places.index(place) for place in rows[["cohort", "scaling"]].itertuples(index=False, name=None)]
        line = lines[str(model)]
        axes.plot(rows["coverage_percent"], heights, "D" if line.network else "o", ms=5, color=line.colour,
                  fillstyle="full" if line.network else "none", label=str(model))  # fmt: skip
    axes.axvline(float(intervals["nominal_percent"].iloc[0]), color=BASELINE_GREY, lw=0.8, ls=":")
    axes.set_yticks(range(len(places)), [view_name(*place) for place in places])
    axes.set(xlabel="values inside their prediction interval (%)", ylim=(len(places) - 0.5, -0.5))
    axes.legend(fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left", ncols=1 + len(lines) // 15)
    return figure


def learning_figure(histories: Mapping[str, pd.DataFrame], models: Mapping[str, ModelRecord]) -> Figure:
    """Draw the learning curves of all networks, a panel a network, a pair of curves a piece."""
    figure, panels = _panels(len(histories), width=3.6, height=2.9)
    for axes, (network, history) in zip(panels, histories.items(), strict=False):
        pieces = [rows for _, rows in history.groupby("piece", sort=False)]
        for column, name, colour, dash in CURVES:
            for number, rows in enumerate(pieces):
                axes.plot(rows["epoch"], rows[column], color=colour, label=None if number else name,
                          lw=0.75 * curve_width(len(pieces)), ls="--" if dash == "dash" else "-")  # fmt: skip
        best = models[network].best_epoch
        if best is not None:
            axes.axvline(best, color=BASELINE_GREY, lw=0.8, ls=":")
        axes.set(title=network, xlabel="epoch", ylabel="MAE (z-scores)")
        axes.legend()
    return figure


def _title(cohort: str, scaling: str, genes: int) -> str:
    return f"{view_name(cohort, scaling)}: {genes:,} genes"


def _panels(count: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels (inches each), at most three a row; an empty one says so."""
    columns = min(max(count, 1), 3)
    rows = -(-max(count, 1) // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in panels[count:]:
        unused.set_axis_off()
    if not count:
        panels[0].text(0.5, 0.5, "nothing to draw", ha="center", va="center")
    return figure, panels


def _write(figure: Figure, stem: Path) -> None:
    # Laid out once: each format would do it again. With an engine in place, even that called "none", matplotlib draws
    # once more before it saves.
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    for path in files_of(stem):
        ending = path.suffix.removeprefix(".")
        with atomic(path) as temporary:
            figure.savefig(temporary, format=ending, dpi=_DOTS[ending], metadata=_METADATA[ending])


def files_of(stem: Path) -> Iterator[Path]:
    """Yield the files of a figure."""
    return (stem.with_name(f"{stem.name}.{ending}") for ending in FORMATS)
