import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landex.report import charts, densities, figures
from landex.report.lines import BASELINE_GREY, lines_of
from landex.report.run import Run
from landex.summary import ModelRecord


def record(name: str, kind: str, select_mae: float = 0.5) -> ModelRecord:
    return ModelRecord(name, kind, None, {}, 10, 1.0, 100.0, "CPU", select_mae, None, None, None)


def test_a_density_integrates_to_one() -> None:
    grid = np.linspace(0, 2, 2001)
    curve = densities.density(np.random.default_rng(1).gamma(9, 0.06, 500), grid)
    assert curve is not None
    assert np.trapezoid(curve, grid) == pytest.approx(1, abs=1e-3)


def test_a_model_that_fails_does_not_stretch_the_axis_for_all() -> None:
    errors = pd.DataFrame({name: np.linspace(0, 1, 101) for name in ("a", "b", "c")})
    assert densities.axis_end(errors) == pytest.approx(1.05 * 0.99)
    assert densities.axis_end(errors.assign(c=100 * errors["c"])) == pytest.approx(2 * 1.05 * 0.99)


def test_the_scatter_counts_the_genes_on_each_side(run: Run) -> None:
    errors = densities.counted_errors(run.genes, "test", "training")
    better = int((errors["deep"] < errors["ridge"]).sum())
    assert [name for name, _, _ in figures.sides(errors, "deep", "ridge")] == [
        f"deep better ({better})",
        f"not better ({118 - better})",
    ]


def test_no_two_models_are_drawn_alike_and_networks_have_dashes_of_their_own() -> None:
    """The grid of the paper: 27 networks, with some baselines."""
    networks = {f"dgex-{cell}": record(f"dgex-{cell}", "network", 0.4 + cell / 100) for cell in range(27)}
    others = {kind: record(kind, kind) for kind in ("ols", "ridge", "lasso", "knn", "knn_ge", "kernel_ridge", "blend")}
    lines = lines_of({**others, **networks}, "ridge")
    drawn = [(line.colour, line.dash) for line in lines.values()]
    assert len(set(drawn)) == len(drawn)
    assert lines["ridge"].colour == BASELINE_GREY
    assert not {lines[name].dash for name in networks} & {lines[name].dash for name in others}
    assert [name for name, line in lines.items() if line.network] == list(networks)


def test_of_many_models_the_baseline_and_the_best_by_select_are_shown_at_first() -> None:
    models = {f"m{number}": record(f"m{number}", "network", 1 - number / 100) for number in range(20)}
    shown = [name for name, line in lines_of(models, "m0").items() if line.shown]
    assert shown == ["m0", *(f"m{number}" for number in range(11, 20))]


def test_a_network_is_drawn_against_the_baseline_linear_regression_and_the_papers_neighbours() -> None:
    models = {kind: record(kind, kind) for kind in ("ols", "ridge", "knn", "knn_ge", "network")}
    assert figures.opponents(models, "ridge", "network") == ["ridge", "ols", "knn_ge"]
    assert figures.opponents(models, "ols", "network") == ["ols", "knn_ge"]
    del models["knn_ge"]
    assert figures.opponents(models, "ridge", "network") == ["ridge", "ols", "knn"]
    assert figures.opponents({"ridge": models["ridge"]}, "ridge", None) == []


@pytest.fixture(scope="module")
def written(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    figures.write_figures(folder, run)
    return folder


def test_static_figures_are_repeatable_and_of_every_format(written: Path, run: Run, tmp_path: Path) -> None:
    figures.write_figures(tmp_path, run)
    stems = [f"{kind}.{cohort}" for kind in ("density", "scatter") for cohort in ("test", "kidney", "geuvadis")]
    stems += ["improvement", "coverage", "learning_curves"]
    found = {path.name: path.read_bytes() for path in written.iterdir()}
    assert sorted(found) == sorted(f"{stem}.{ending}" for stem in stems for ending in ("svg", "pdf", "png"))
    assert found == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found["density.test.pdf"].startswith(b"%PDF")
    assert found["density.test.png"].startswith(b"\x89PNG")


def test_thousands_of_points_stay_small_in_a_vector_figure(large_run: Run, tmp_path: Path) -> None:
    drawn = figures.scatter_figure(large_run.genes, "test", ["training"], "deep", ["ridge", "ols"])
    drawn.savefig(tmp_path / "scatter.svg", dpi=150)
    assert (tmp_path / "scatter.svg").stat().st_size < 300_000


def test_every_piece_of_a_model_has_its_learning_curves_in_one_colour(run: Run) -> None:
    assert run.histories["dgex"]["piece"].unique().tolist() == ["1.1", "1.2", "1.10"]
    traces = charts.learning_chart(run.histories["dgex"], None).data
    assert [len(trace.x) for trace in traces] == [12, 12, 10] * 2
    assert [trace.showlegend for trace in traces] == [True, False, False] * 2
    assert [len({trace.line.color for trace in half}) for half in (traces[:3], traces[3:])] == [1, 1]
    assert len({trace.line.color for trace in traces}) == 2
    drawn = charts.charts(run, lines_of(run.models, "ridge"))
    assert [len(drawn[f"learning-{network}"]["data"]) for network in ("dgex", "deep")] == [6, 2]
    assert "shapes" not in drawn["learning-dgex"]["layout"]
    assert len(drawn["learning-deep"]["layout"]["shapes"]) == 1


def test_a_heat_map_has_the_slopes_of_its_table_in_its_order(run: Run) -> None:
    table = run.importance["deep"].heatmap
    (trace,) = charts.heatmap_chart(table).data
    grid = table.pivot_table(index="landmark", columns="gene", values="slope")
    grid = grid.loc[table["landmark"].unique(), table["gene"].unique()]
    np.testing.assert_allclose(trace.z, grid.to_numpy(), atol=6e-5)
    assert list(trace.y) == table["landmark_symbol"].unique().tolist()


def test_coverage_has_a_point_a_model_and_place_and_a_line_at_what_was_promised(run: Run) -> None:
    chart = charts.coverage_chart(run.intervals, lines_of(run.models, "ridge"))
    assert [trace.name for trace in chart.data] == list(run.models)
    assert all(len(trace.x) == 5 for trace in chart.data)
    (line,) = chart.layout.shapes
    assert line.x0 == 90


def test_text_in_static_figures_stays_text(written: Path) -> None:
    said = (written / "density.kidney.svg").read_text(encoding="utf-8")
    assert re.findall(r">(kidney, [a-z]+ scaling: [\d,]+ genes)<", said) == [
        "kidney, training scaling: 80 genes",
        "kidney, own scaling: 80 genes",
    ]
