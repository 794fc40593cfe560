"""Figures of the report: per-gene errors by model, network against baseline, learning curves.

Each figure exists twice: interactive (plotly, for the page) and as a small static SVG (matplotlib, for
Snakemake's own report). Colours are Okabe and Ito's, told apart by colour-blind readers; models that are no
networks are dashed as well, and the baseline is grey.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from landex.files import atomic
from landex.summary import ModelRecord, view_name

Floats = npt.NDArray[np.float64]

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BASELINE_GREY = "#7F7F7F"
# Points of a density curve: enough that no kink shows at full width.
_GRID = 256
# Axes end where 99.5 % of the genes have been seen: single genes would squeeze all others into a corner.
_AXIS_SHARE = 0.995
_ERROR_AXIS = "MAE of a gene (z-scores)"
_SVG_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "svg.fonttype": "none",
    # The same input gives the same bytes.
    "svg.hashsalt": "landex",
}


@dataclass(frozen=True)
class Line:
    """How a model is drawn in every figure: its colour and whether its lines are dashed."""

    colour: str
    dashed: bool


def lines_of(models: Mapping[str, ModelRecord], baseline: str) -> dict[str, Line]:
    """Give every model its colour, in order; the baseline is grey, models that are no networks are dashed."""
    others = [name for name in models if name != baseline]
    colours = {name: OKABE_ITO[index % len(OKABE_ITO)] for index, name in enumerate(others)}
    return {name: Line(colours.get(name, BASELINE_GREY), record.kind != "network") for name, record in models.items()}


def counted_errors(genes: pd.DataFrame, cohort: str, scaling: str) -> pd.DataFrame:
    """Take one cohort and scaling from the wide table of genes, without overlapping targets.

    Returns
    -------
    pandas.DataFrame
        The measured targets, indexed by their symbol (their id where they have none), a column of MAE in
        z-scores a model.
    """
    suffix = f".{cohort}.{scaling}"
    columns = {
        name: name.removeprefix("mae.").removesuffix(suffix)
        for name in genes.columns
        if name.startswith("mae.") and name.endswith(suffix)
    }
    counted = genes[genes["overlapping"] == 0]
    names = counted["symbol"].where(counted["symbol"] != "", counted["gene"])
    return counted[list(columns)].rename(columns=columns).set_axis(names, axis="index").dropna(how="all")


def density(values: Floats, grid: Floats) -> Floats | None:
    """Estimate the density of per-gene errors at `grid` (Gaussian kernel, Scott's bandwidth).

    None where there is nothing to smooth: fewer than three different values.
    """
    if len(np.unique(values)) < 3:
        return None
    return np.asarray(gaussian_kde(values)(grid), dtype=np.float64)


def axis_end(errors: pd.DataFrame) -> float:
    """Return where an axis of errors ends: a little beyond the largest model's 99.5th percentile."""
    if errors.empty:
        return 1.0
    return 1.05 * float(errors.quantile(_AXIS_SHARE).max())


def _densities(errors: pd.DataFrame) -> tuple[Floats, dict[str, Floats | None]]:
    grid = np.linspace(0.0, axis_end(errors), _GRID)
    return grid, {str(model): density(column.to_numpy(), grid) for model, column in errors.items()}


def density_figure(errors: pd.DataFrame, lines: Mapping[str, Line]) -> go.Figure:
    """Draw the density of per-gene MAE, a curve a model; too few genes are drawn as marks on the axis."""
    figure = go.Figure()
    grid, curves = _densities(errors)
    for model, curve in curves.items():
        line = lines[model]
        if curve is None:
            marks = errors[model].to_numpy()
            figure.add_scatter(
                x=marks, y=np.zeros_like(marks), mode="markers", name=model,
                marker={"symbol": "line-ns-open", "size": 14, "color": line.colour},
            )  # fmt: skip
        else:
            figure.add_scatter(
                x=np.float32(grid), y=np.float32(curve), mode="lines", name=model,
                line={"color": line.colour, "width": 2, "dash": "dash" if line.dashed else "solid"},
                hovertemplate=f"{escape(model)}<br>MAE %{{x:.3f}}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(xaxis_title=_ERROR_AXIS, yaxis_title="density of genes", yaxis_rangemode="tozero")
    return figure


def scatter_figure(errors: pd.DataFrame, network: str, baseline: str) -> go.Figure:
    """Draw every gene's MAE of the network against the baseline's; hover tells the gene."""
    end = axis_end(errors[[network, baseline]])
    figure = go.Figure()
    for name, colour, chosen in _sides(errors, network, baseline):
        figure.add_scattergl(
            x=np.float32(chosen[baseline]), y=np.float32(chosen[network]), mode="markers", name=name,
            # plotly reads text as markup: a gene's name is data.
            text=[escape(str(gene)) for gene in chosen.index],
            marker={"size": 4, "opacity": 0.6, "color": colour},
            hovertemplate=(
                f"<b>%{{text}}</b><br>{baseline} %{{x:.3f}}<br>{network} %{{y:.3f}}<extra></extra>"
            ),
        )  # fmt: skip
    figure.add_scatter(
        x=[0, 10 * end], y=[0, 10 * end], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": BASELINE_GREY, "width": 1, "dash": "dot"},
    )  # fmt: skip
    figure.update_layout(
        legend_itemsizing="constant",
        xaxis={"title": f"{baseline}: {_ERROR_AXIS}", "range": [0, end], "constrain": "domain"},
        yaxis={"title": f"{network}: {_ERROR_AXIS}", "range": [0, end], "scaleanchor": "x"},
    )
    return figure


def _sides(errors: pd.DataFrame, network: str, baseline: str) -> list[tuple[str, str, pd.DataFrame]]:
    better = errors[network] < errors[baseline]
    return [
        (f"{network} better ({int(better.sum()):,})", OKABE_ITO[0], errors[better]),
        (f"not better ({int((~better).sum()):,})", OKABE_ITO[1], errors[~better]),
    ]


def learning_figure(history: pd.DataFrame, best_epoch: int | None) -> go.Figure:
    """Draw a network's MAE on the training and the select part by epoch; a line marks the weights kept.

    A model of several pieces has a pair of curves for each, under two names.
    """
    figure = go.Figure()
    pieces = list(history.groupby("piece", sort=False))
    for column, name, colour, dash in _CURVES:
        for number, (piece, rows) in enumerate(pieces):
            shown = f"{name}, piece {piece}" if len(pieces) > 1 else name
            figure.add_scatter(
                x=rows["epoch"].to_numpy(), y=np.float32(rows[column]), mode="lines", name=name,
                legendgroup=name, showlegend=number == 0,
                line={"color": colour, "width": _curve_width(len(pieces)), "dash": dash},
                hovertemplate=f"{shown}: epoch %{{x}}, MAE %{{y:.4f}}<extra></extra>",
            )  # fmt: skip
    if best_epoch is not None:
        figure.add_vline(x=best_epoch, line={"color": BASELINE_GREY, "width": 1, "dash": "dot"})
    figure.update_layout(xaxis_title="epoch", yaxis_title="MAE (z-scores)")
    return figure


def _curve_width(pieces: int) -> float:
    """Return the width of a learning curve: thin where many lie over one another."""
    return 2 if pieces == 1 else 1


_CURVES = (
    ("training_mae", "training part", OKABE_ITO[4], "dash"),
    ("select_mae", "select part", OKABE_ITO[0], "solid"),
)


@mpl.rc_context(_SVG_STYLE)
def write_density(
    path: str | Path, genes: pd.DataFrame, cohort: str, scalings: Sequence[str], lines: Mapping[str, Line]
) -> None:
    """Write one cohort's density of per-gene MAE as SVG, a panel a scaling."""
    figure, panels = _panels(len(scalings), width=4.2, height=3.2)
    for axes, scaling in zip(panels, scalings, strict=False):
        errors = counted_errors(genes, cohort, scaling)
        grid, curves = _densities(errors)
        for model, curve in curves.items():
            line = lines[model]
            if curve is None:
                marks = errors[model].to_numpy()
                axes.plot(marks, np.zeros_like(marks), "|", ms=14, color=line.colour, label=model)
            else:
                axes.plot(grid, curve, "--" if line.dashed else "-", color=line.colour, label=model, lw=1.5)
        axes.set(title=_title(cohort, scaling, len(errors)), xlabel=_ERROR_AXIS, ylabel="density of genes")
        axes.legend()
    _write_svg(figure, path)


@mpl.rc_context(_SVG_STYLE)
def write_scatter(
    path: str | Path, genes: pd.DataFrame, cohort: str, scalings: Sequence[str], network: str, baseline: str
) -> None:
    """Write one cohort's per-gene MAE of network against baseline as SVG, points rasterised."""
    figure, panels = _panels(len(scalings), width=3.9, height=4.1)
    for axes, scaling in zip(panels, scalings, strict=False):
        errors = counted_errors(genes, cohort, scaling)
        end = axis_end(errors[[network, baseline]])
        for name, colour, chosen in _sides(errors, network, baseline):
            axes.scatter(chosen[baseline], chosen[network], s=4, alpha=0.4, lw=0, c=colour, label=name, rasterized=True)
        axes.axline((0, 0), slope=1, color=BASELINE_GREY, lw=0.8, ls=":")
        axes.set(xlim=(0, end), ylim=(0, end), aspect="equal", title=_title(cohort, scaling, len(errors)))
        axes.set(xlabel=f"{baseline}: {_ERROR_AXIS}", ylabel=f"{network}: {_ERROR_AXIS}")
        axes.legend(markerscale=3)
    _write_svg(figure, path)


@mpl.rc_context(_SVG_STYLE)
def write_learning_curves(
    path: str | Path, histories: Mapping[str, pd.DataFrame], models: Mapping[str, ModelRecord]
) -> None:
    """Write the learning curves of all networks as one SVG, a panel a network, a pair of curves a piece."""
    figure, panels = _panels(len(histories), width=3.6, height=2.9)
    for axes, (network, history) in zip(panels, histories.items(), strict=False):
        pieces = [rows for _, rows in history.groupby("piece", sort=False)]
        for column, name, colour, dash in _CURVES:
            for number, rows in enumerate(pieces):
                axes.plot(rows["epoch"], rows[column], color=colour, label=None if number else name,
                          lw=0.75 * _curve_width(len(pieces)), ls="--" if dash == "dash" else "-")  # fmt: skip
        best = models[network].best_epoch
        if best is not None:
            axes.axvline(best, color=BASELINE_GREY, lw=0.8, ls=":")
        axes.set(title=network, xlabel="epoch", ylabel="MAE (z-scores)")
        axes.legend()
    _write_svg(figure, path)


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
        panels[0].text(0.5, 0.5, "no target was measured", ha="center", va="center")
    return figure, panels


def _write_svg(figure: Figure, path: str | Path) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary, format="svg", dpi=150, metadata={"Date": None})
