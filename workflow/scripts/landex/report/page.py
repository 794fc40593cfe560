"""Page of a run: one self-contained HTML file, readable from disk without any network.

plotly.js and DataTables (as itables ships it) are embedded once, compressed. All that came from data reaches the
template as plain values: Jinja2 escapes them in HTML, and `tojson` escapes them inside scripts; packed blocks are
base64.
"""

import json
from pathlib import Path
from typing import Any

import itables.options
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from landex.evaluation.learning_curve import LEARNING
from landex.evaluation.trust import CLASSES, TRUST
from landex.files import atomic
from landex.report import materials, results
from landex.report.cards import card_blocks, card_facts
from landex.report.cautions import cautions
from landex.report.charts import charts
from landex.report.densities import axis_end, counted_errors
from landex.report.downloads import downloads
from landex.report.figures import FORMATS, neighbours, opponents
from landex.report.lines import lines_of
from landex.report.methods import as_text, methods
from landex.report.packing import Block, packed_text
from landex.report.run import COMPENDIUM, Run
from landex.report.wording import FILTERS, counted
from landex.summary import view_name

# Longer lists are cut on the page; the tables beside it hold them whole.
_LISTED = 200


def write_page(path: str | Path, run: Run, template: str | Path) -> None:
    """Render the page with a Jinja2 template; its parts, style and scripts lie beside it."""
    template = Path(template)
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters.update(FILTERS)
    environment.globals["counted"] = counted
    html = environment.get_template(template.name).render(page_content(run))
    with atomic(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def page_content(run: Run) -> dict[str, Any]:
    """Gather what the template shows, as plain values."""
    bundle = Path(itables.options.dt_bundle)
    lines = lines_of(run.models, run.baseline)
    offered = downloads(run)
    told = methods(run)
    return {
        **_verdict(run),
        "note": run.note,
        "cautions": cautions(run),
        "baseline": run.baseline,
        "network": run.network,
        "best": run.best,
        "models": list(run.models.values()),
        "lines": lines,
        "pieces": {name: history["piece"].nunique() for name, history in run.histories.items()},
        "views": [{"id": results.view_id(*view), "name": view_name(*view)} for view in run.views],
        "results": results.error_rows(run.summary),
        "forest": results.forest(run, lines),
        "intervals": results.interval_rows(run.intervals),
        "trust": results.trust_rows(run),
        "classes": CLASSES,
        "bars": run.settings.evaluation["trust"],
        "confidence": run.settings.evaluation["confidence"],
        "generalisation": results.generalisation_rows(run.generalisation),
        "learning_curve": run.learning_curve.to_dict("records"),
        "importance": {model: _importance(found.landmarks) for model, found in run.importance.items()},
        "heatmaps": [model for model, found in run.importance.items() if len(found.heatmap)],
        "outliers": _outliers(run),
        "cohorts": [materials.cohort_facts(name, table, run.role_of(name)) for name, table in run.quality.items()],
        "profiles": [profile.cohort for profile in run.profiles],
        "compendium": COMPENDIUM,
        "duplicates": materials.duplicate_facts(run.duplicates),
        "parts": materials.part_facts(run.split),
        "split": run.settings.split,
        "roles": materials.role_counts(run.roles),
        "unmapped": materials.unmapped_genes(run.roles),
        "overlapping": int(run.genes["overlapping"].sum()),
        "genes": len(run.genes),
        "listed": _LISTED,
        "methods": told,
        "methods_text": as_text(told),
        "downloads": [{"name": table.name, "what": table.what} for table in offered],
        "figure_files": figure_files(run),
        "formats": FORMATS,
        "facts": _facts(run),
        "blocks": _blocks(run) | {f"table-{table.name}": table.block for table in offered},
        "datatables_style": Markup(bundle.with_suffix(".css").read_text(encoding="utf-8")),
    }


def _blocks(run: Run) -> dict[str, Block]:
    """Pack the libraries, the figures and the cards."""
    drawn = charts(run, lines_of(run.models, run.baseline))
    bundle = Path(itables.options.dt_bundle)
    return {
        "datatables": packed_text(bundle.read_text(encoding="utf-8")),
        "plotly": packed_text(get_plotlyjs()),
        "figures": packed_text(json.dumps(drawn, separators=(",", ":"))),
        **card_blocks(run),
    }


def _facts(run: Run) -> dict[str, Any]:
    """Say what the page's scripts have to know."""
    lines = lines_of(run.models, run.baseline)
    ends = {}
    for cohort, scaling in run.views:
        errors = counted_errors(run.genes, cohort, scaling)
        ends[results.view_id(cohort, scaling)] = axis_end(errors)
    return {
        **card_facts(run),
        "views": [{"id": results.view_id(*view), "name": view_name(*view), "end": ends[results.view_id(*view)]}
                  for view in run.views],
        "models": [
            {"name": name, "colour": line.colour, "dash": line.dash, "shown": line.shown}
            for name, line in lines.items()
        ],
        "baseline": run.baseline,
        "network": run.network,
        "best": run.best,
        "neighbours": neighbours(run.models),
    }  # fmt: skip


def figure_files(run: Run) -> list[dict[str, str]]:
    """List the static figures beside the page: their stems below figures/ and what they show."""
    found = []
    against = opponents(run.models, run.baseline, run.network)
    for cohort in dict.fromkeys(cohort for cohort, _ in run.views):
        place = view_name(cohort, "training").removesuffix(", training scaling")
        found.append({"stem": f"density.{cohort}", "what": f"{place}: density of the genes' errors"})
        if run.network:
            what = f"{place}: every gene's error, {run.network} against {', '.join(against)}"
            found.append({"stem": f"scatter.{cohort}", "what": what})
    found.append({"stem": "improvement", "what": f"Every model against {run.baseline}, with intervals"})
    found.append({"stem": "coverage", "what": "What prediction intervals covered"})
    if run.histories:
        found.append({"stem": "learning_curves", "what": "Learning curves of the networks"})
    return found


def _verdict(run: Run) -> dict[str, Any]:
    """Return the headline, and the verdict's sentences by the place that they speak of."""
    places = {
        str(place): rows["sentence"].tolist() for place, rows in run.verdict.iloc[1:].groupby("place", sort=False)
    }
    more = {place: places.pop(place) for place in (TRUST, LEARNING) if place in places}
    # The first sentence says where the network earned its cost, the rest where it did not.
    first, *rest = run.verdict["sentence"].iloc[0].split(". ")
    headline = f"{first.rstrip('.')}."
    return {"headline": headline, "headline_more": ". ".join(rest), "verdict": places, "verdict_more": more}


def _importance(landmarks: pd.DataFrame) -> dict[str, Any]:
    """Return the twenty most important landmarks and how many could be left out."""
    top = landmarks.sort_values("rank").head(20)
    return {
        "landmarks": len(landmarks),
        "could_be_left_out": int(landmarks["could_be_left_out"].sum()),
        "top": top.to_dict("records"),
    }


def _outliers(run: Run) -> list[dict[str, Any]]:
    """Count by cohort the samples unlike the training samples."""
    rows = []
    for cohort, table in run.outliers.items():
        # The distance is of landmarks as training scales them; the same sample has one a scaling.
        table = table[table["scaling"] == "training"]
        far = table.sort_values("distance", ascending=False)
        rows.append(
            {
                "cohort": view_name(cohort, "training").removesuffix(", training scaling"),
                "samples": len(table),
                "median": table["distance"].median(),
                "unlike": int((table["p"] <= 0.05).sum()),
                "farthest": far[["sample", "distance"]].head(3).to_dict("records"),
            }
        )
    return rows
