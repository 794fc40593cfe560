"""Interactive figures of the page, as plotly's JSON; those of single genes are drawn by the page itself."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from landex.report.densities import counted_errors, densities
from landex.report.lines import BASELINE_GREY, OKABE_ITO, Line
from landex.report.normalisation import SHARES, Profile
from landex.report.run import Run
from landex.summary import view_name

ERROR_AXIS = "MAE of a gene (z-scores)"
CURVES = (
    ("training_mae", "training part", OKABE_ITO[4], "dash"),
    ("select_mae", "select part", OKABE_ITO[0], "solid"),
)
# Blue to red through white, Okabe and Ito's own two.
_DIVERGING = [[0, OKABE_ITO[0]], [0.5, "#f7f7f7"], [1, OKABE_ITO[1]]]


def charts(run: Run, lines: Mapping[str, Line]) -> dict[str, Any]:
    """Build the figures, as plain plotly JSON keyed by the id of their place on the page."""
    drawn = {}
    for cohort, scaling in run.views:
        errors = counted_errors(run.genes, cohort, scaling)
        drawn[f"density-{cohort}-{scaling}"] = density_chart(errors, lines)
    for network, history in run.histories.items():
        drawn[f"learning-{network}"] = learning_chart(history, run.models[network].best_epoch)
    if len(run.learning_curve):
        drawn["samples-curve"] = samples_chart(run.learning_curve, lines)
    if len(run.generalisation):
        drawn["generalisation-plot"] = generalisation_chart(run.generalisation, lines)
    if len(run.intervals):
        drawn["coverage-plot"] = coverage_chart(run.intervals, lines)
    for model, found in run.importance.items():
        if len(found.heatmap):
            drawn[f"heatmap-{model}"] = heatmap_chart(found.heatmap)
        drawn[f"ablation-{model}"] = ablation_chart(found.ablation)
    for profile in run.profiles:
        drawn[f"profile-{profile.cohort}"] = profile_chart(profile)
    # Without plotly's default template, which the page's own theme replaces (7 kB a figure).
    return {key: json.loads(figure.update_layout(template="none").to_json()) for key, figure in drawn.items()}


def _visible(line: Line) -> bool | str:
    return True if line.shown else "legendonly"


def density_chart(errors: pd.DataFrame, lines: Mapping[str, Line]) -> go.Figure:
    """Draw the density of per-gene MAE, a curve a model; too few genes are drawn as marks on the axis."""
    figure = go.Figure()
    grid, curves = densities(errors)
    for model, curve in curves.items():
        line = lines[model]
        if curve is None:
            marks = errors[model].dropna().to_numpy()
            figure.add_scatter(
                x=marks, y=np.zeros_like(marks), mode="markers", name=model,
                marker={"symbol": "line-ns-open", "size": 14, "color": line.colour}, visible=_visible(line),
            )  # fmt: skip
        else:
            figure.add_scatter(
                x=np.float32(grid), y=np.float32(curve), mode="lines", name=model, visible=_visible(line),
                line={"color": line.colour, "width": 2, "dash": line.dash},
                hovertemplate=f"{escape(model)}<br>MAE %{{x:.3f}}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(
        xaxis_title=ERROR_AXIS, yaxis_title="density of genes", yaxis_rangemode="tozero", xaxis_range=[0, grid[-1]]
    )
    return figure


def learning_chart(history: pd.DataFrame, best_epoch: int | None) -> go.Figure:
    """Draw a network's MAE on the training and the select part by epoch; a line marks the weights kept.

    A model of several pieces has a pair of curves for each, under two names.
    """
    figure = go.Figure()
    pieces = list(history.groupby("piece", sort=False))
    for column, name, colour, dash in CURVES:
        for number, (piece, rows) in enumerate(pieces):
            shown = f"{name}, piece {piece}" if len(pieces) > 1 else name
            figure.add_scatter(
                x=rows["epoch"].to_numpy(), y=np.float32(rows[column]), mode="lines", name=name,
                legendgroup=name, showlegend=number == 0,
                line={"color": colour, "width": curve_width(len(pieces)), "dash": dash},
                hovertemplate=f"{shown}: epoch %{{x}}, MAE %{{y:.4f}}<extra></extra>",
            )  # fmt: skip
    if best_epoch is not None:
        figure.add_vline(x=best_epoch, line={"color": BASELINE_GREY, "width": 1, "dash": "dot"})
    figure.update_layout(xaxis_title="epoch", yaxis_title="MAE (z-scores)")
    return figure


def curve_width(pieces: int) -> float:
    """Return the width of a learning curve: thin where many lie over one another."""
    return 2 if pieces == 1 else 1


def samples_chart(curve: pd.DataFrame, lines: Mapping[str, Line]) -> go.Figure:
    """Draw the test part's MAE by the number of training samples, with intervals."""
    figure = go.Figure()
    for model, rows in curve.groupby("model", sort=False):
        line = lines[str(model)]
        error = {
            "type": "data", "symmetric": False, "thickness": 1,
            "array": (rows["mae_high"] - rows["mae"]).to_numpy(),
            "arrayminus": (rows["mae"] - rows["mae_low"]).to_numpy(),
        }  # fmt: skip
        figure.add_scatter(
            x=rows["training_samples"].to_numpy(), y=rows["mae"].to_numpy(), error_y=error, name=str(model),
            mode="lines+markers", line={"color": line.colour, "width": 2, "dash": line.dash},
            hovertemplate=f"{escape(str(model))}: %{{x:,}} samples, MAE %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    samples = sorted(curve["training_samples"].unique().tolist())
    figure.update_layout(
        xaxis={
            "title": "training samples",
            "type": "log",
            "tickvals": samples,
            "ticktext": [f"{n:,}" for n in samples],
        },
        yaxis_title="MAE on the test part (z-scores)",
    )
    return figure


def generalisation_chart(table: pd.DataFrame, lines: Mapping[str, Line]) -> go.Figure:
    """Draw how far each model is below every gene's mean, place by place, with intervals."""
    figure = go.Figure()
    places = [place_name(row) for row in table.to_dict("records")]
    for model, rows in table.assign(place_name=places).groupby("model", sort=False):
        gain = rows["gain_over_mean_percent"]
        error = {
            "type": "data", "symmetric": False, "thickness": 1.5,
            "array": (rows["gain_over_mean_percent_high"] - gain).to_numpy(),
            "arrayminus": (gain - rows["gain_over_mean_percent_low"]).to_numpy(),
        }  # fmt: skip
        figure.add_scatter(
            x=gain.to_numpy(), y=rows["place_name"].tolist(), error_x=error, mode="markers", name=str(model),
            orientation="h",
            marker={"color": lines[str(model)].colour, "size": 8},
            hovertemplate=f"{escape(str(model))}: %{{x:.1f}} %<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": BASELINE_GREY, "width": 1})
    figure.update_layout(
        xaxis_title="below every gene's mean by (%)", yaxis={"autorange": "reversed", "type": "category"},
        scattermode="group", scattergap=0.5,
    )  # fmt: skip
    return figure


def place_name(row: Mapping[str, Any]) -> str:
    """Name the place of a row of generalisation.tsv."""
    if row["cohort"] == "test":
        return str(row["tested_on"])
    return view_name(str(row["cohort"]), str(row["scaling"]))


def coverage_chart(intervals: pd.DataFrame, lines: Mapping[str, Line]) -> go.Figure:
    """Draw the share of values that prediction intervals covered, a row a cohort and scaling, a point a model."""
    figure = go.Figure()
    names = [view_name(row.cohort, row.scaling) for row in intervals.itertuples()]
    for model, rows in intervals.assign(view=names).groupby("model", sort=False):
        line = lines[str(model)]
        figure.add_scatter(
            x=rows["coverage_percent"].to_numpy(), y=rows["view"].tolist(), mode="markers", name=str(model),
            cliponaxis=False,
            marker={"color": line.colour, "size": 9, "symbol": "diamond" if line.network else "circle-open"},
            visible=_visible(line), hovertemplate=f"{escape(str(model))}: %{{x:.1f}} %<extra></extra>",
        )  # fmt: skip
    nominal = float(intervals["nominal_percent"].iloc[0])
    figure.add_vline(x=nominal, line={"color": BASELINE_GREY, "width": 1, "dash": "dot"})
    figure.update_layout(
        xaxis={"title": f"values inside their interval (%); promised are {nominal:g}"},
        yaxis={"autorange": "reversed", "type": "category"},
    )  # fmt: skip
    return figure


def heatmap_chart(heatmap: pd.DataFrame) -> go.Figure:
    """Draw slopes of landmarks on targets, rows and columns in the order of the table, which is clustered."""
    landmarks = heatmap["landmark"].unique().tolist()
    targets = heatmap["gene"].unique().tolist()
    slopes = heatmap["slope"].to_numpy().reshape(len(landmarks), len(targets))
    end = max(float(np.quantile(np.abs(slopes), 0.99)), 1e-6)
    named = heatmap.drop_duplicates("landmark").set_index("landmark")["landmark_symbol"]
    targeted = heatmap.drop_duplicates("gene").set_index("gene")["symbol"]
    figure = go.Figure()
    figure.add_heatmap(
        z=np.float32(slopes).round(4), x=[escape(targeted[gene] or gene) for gene in targets],
        y=[escape(named[gene] or gene) for gene in landmarks], zmin=-end, zmax=end, colorscale=_DIVERGING,
        colorbar={"title": {"text": "slope", "side": "right"}, "thickness": 12, "outlinewidth": 0},
        hovertemplate="landmark %{y}<br>target %{x}<br>slope %{z:.3f}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": f"{len(targets)} targets", "showticklabels": False, "type": "category"},
        yaxis={"type": "category", "tickfont": {"size": 9}, "dtick": 1},
    )
    return figure


def ablation_chart(ablation: pd.DataFrame) -> go.Figure:
    """Draw what taking landmarks away costs on the test part, by the order in which they go."""
    figure = go.Figure()
    rows = ablation[(ablation["part"] == "test")]
    for place, (taken, some) in enumerate(rows.groupby("taken", sort=False)):
        if len(some) < 2:
            continue
        figure.add_scatter(
            x=some["landmarks"].to_numpy(), y=some["increase_percent"].to_numpy(), mode="lines+markers",
            name=str(taken), line={"color": OKABE_ITO[place % len(OKABE_ITO)], "width": 2},
            hovertemplate=f"{escape(str(taken))}: %{{x}} landmarks, %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
    figure.update_layout(xaxis_title="landmarks taken away", yaxis={"title": "error higher by (%)", "type": "log"})
    return figure


def profile_chart(profile: Profile) -> go.Figure:
    """Draw quantiles of every sample before (left) and after (right) normalising, as bands and a median line."""
    figure = go.Figure()
    place = np.arange(1, len(profile.samples) + 1)
    for side, (name, values) in enumerate((("before", profile.before), ("after", profile.after))):
        x = place + side * (len(place) + max(2, len(place) // 10))
        colour = (OKABE_ITO[1], OKABE_ITO[0])[side]
        for low, high, opacity in ((0, 4, 0.35), (1, 3, 0.6)):
            band = np.concatenate([values[:, low], values[::-1, high]])
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]), y=np.float32(band).round(3),
                fill="toself", mode="lines", line={"width": 0, "color": colour}, opacity=opacity, showlegend=False,
                hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=x, y=np.float32(values[:, 2]).round(3), mode="lines+markers", line={"color": colour, "width": 1.5},
            marker={"size": 3}, name=name, text=[escape(sample) for sample in profile.samples],
            hovertemplate=f"%{{text}}, {name}: median %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
    shares = f"{100 * SHARES[0]:.0f} to {100 * SHARES[-1]:.0f} %"
    figure.update_layout(
        xaxis={"title": f"samples; bands: {shares} and the middle half", "showticklabels": False, "showgrid": False},
        yaxis_title="log2",
    )
    return figure
