"""Predictions as a file, whole and in blocks of samples or targets."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from landex.errors import UserError
from landex.predictions import Predictions, by_model, open_predictions

Block = NDArray[np.float32]


def simulated(samples: int, targets: int, *, own: bool = True, spread: bool = True) -> Predictions:
    random = np.random.default_rng(samples + targets)
    scalings = ("training", "own") if own else ("training",)
    scores = {scaling: random.normal(size=(samples, targets)).astype(np.float32) for scaling in scalings}
    spreads = {scaling: random.random((samples, targets)).astype(np.float32) for scaling in scalings if spread}
    # Names that a table may garble.
    return Predictions(
        scores, [f"s{n}" for n in range(samples)], ["NA", *(f"g{n}" for n in range(targets - 1))], spreads
    )


def same(first: Predictions, second: Predictions) -> None:
    assert (first.samples, first.genes) == (second.samples, second.genes)
    for one, other in ((first.scores, second.scores), (first.spreads, second.spreads)):
        assert list(one) == list(other)
        for scaling, values in one.items():
            np.testing.assert_array_equal(values, other[scaling])
            assert values.dtype == np.float32


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (1030, 300)])
def test_predictions_are_read_as_they_were_written(
    tmp_path: Path, own: bool, spread: bool, shape: tuple[int, int]
) -> None:
    written = simulated(*shape, own=own, spread=spread)
    written.write(tmp_path / "p.h5")
    same(Predictions.read(tmp_path / "p.h5"), written)
    with open_predictions(tmp_path / "p.h5") as stored:
        assert stored.has_spread == spread
        assert stored.scalings == (("training", "own") if own else ("training",))


@settings(max_examples=25)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 9), st.integers(0, 9))
def test_blocks_are_parts_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, first: int, rows: int, begin: int, columns: int
) -> None:
    written = simulated(12, 9)
    path = tmp_path_factory.mktemp("blocks") / "p.h5"
    written.write(path)
    place = slice(first, first + rows), slice(begin, begin + columns)
    with open_predictions(path) as stored:
        np.testing.assert_array_equal(stored.scores("own", *place), written.scores["own"][place])
        np.testing.assert_array_equal(stored.spread("training", *place), written.spreads["training"][place])
        np.testing.assert_array_equal(stored.scores("own", targets=place[1]), written.scores["own"][:, place[1]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_is_refused_with_its_place(tmp_path: Path, value: float) -> None:
    wrong = simulated(4, 3)
    wrong.scores["own"][2, 1] = value
    with pytest.raises(UserError, match=r"p\.h5: .* no finite number for sample s2, target g0 \(own scaling\)"):
        wrong.write(tmp_path / "p.h5")
    assert not (tmp_path / "p.h5").exists()


@pytest.mark.parametrize("name", ["training", "spread_training"])
def test_a_damaged_file_is_found_out_when_it_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "p.h5"
    simulated(20, 10, own=False).write(path)
    with h5py.File(path) as file:
        place = file[name].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"p\.h5: damaged"):
        Predictions.read(path)


def test_files_are_named_for_their_models_whose_names_hold_no_dot() -> None:
    paths = ["results/predictions/ridge.test.h5", "results/predictions/deep-2.GSE1.h5"]
    assert list(by_model(paths).items()) == list(zip(["ridge", "deep-2"], paths, strict=True))


def test_samples_or_genes_in_another_order_are_others(tmp_path: Path) -> None:
    written = simulated(3, 2)
    written.write(tmp_path / "p.h5")
    with open_predictions(tmp_path / "p.h5") as stored:
        stored.check_same(["s0", "s1", "s2"], ["NA", "g0"], "truth.h5ad")
        for samples, genes in ((["s1", "s0", "s2"], ["NA", "g0"]), (["s0", "s1", "s2"], ["g0", "NA"])):
            with pytest.raises(UserError, match=r"p\.h5: other samples or genes than truth\.h5ad"):
                stored.check_same(samples, genes, "truth.h5ad")
