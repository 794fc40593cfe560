"""The embedded data are whole, are what their READMEs say, and are made by code that keeps its promises."""

import gzip
import hashlib
import importlib.util
import os
import pickle
import re
import struct
import sys
import zipfile
from collections import Counter
from pathlib import Path
from types import ModuleType

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landex.genes import GeneNames

RESOURCES = Path(__file__).parents[2] / "resources"
DEMO = RESOURCES / "demo"
GENES = RESOURCES / "genes"
GSE781 = DEMO / "geo/series/GSEnnn/GSE781/soft/GSE781_family.soft.gz"
CACHE = re.compile(r"(^|/)(__pycache__|\.[^/]+)/")
SIZE_LIMIT = 28_500_000  # bytes, all of resources/demo: what a clone carries for the default run


def load_script(name: str) -> ModuleType:
    """Import a module of resources/demo, which is no package, under a name that collides with nothing."""
    spec = importlib.util.spec_from_file_location(f"landex_demo_{name}", DEMO / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(DEMO))  # the modules import one another by name, as scripts do
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DEMO))
    return module


build = load_script("build")
packages = load_script("packages")
r_objects = load_script("r_objects")
rounding = load_script("rounding")
tensors = load_script("tensors")


def read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def gdsc() -> anndata.AnnData:
    return anndata.read_h5ad(DEMO / "gdsc.h5ad")


@pytest.fixture(scope="module")
def leukaemia() -> anndata.AnnData:
    return anndata.read_h5ad(DEMO / "leukaemia.h5ad")


@pytest.fixture(scope="module")
def bladder() -> anndata.AnnData:
    return anndata.read_h5ad(DEMO / "bladder.h5ad")


@pytest.fixture(scope="module")
def landmarks() -> pd.DataFrame:
    return read_table(GENES / "landmarks.tsv")


@pytest.fixture(scope="module")
def targets() -> pd.DataFrame:
    return read_table(GENES / "targets.tsv")


@pytest.fixture(scope="module")
def ids() -> pd.DataFrame:
    return read_table(GENES / "ids.tsv.gz").set_index("entrez", drop=False)


class TestDemoData:
    def test_demo_folder_stays_under_its_size_limit(self) -> None:
        # caches of Python and of checkers are no part of a clone
        files = [path for path in DEMO.rglob("*") if path.is_file() and not CACHE.search(str(path.relative_to(DEMO)))]
        assert sum(path.stat().st_size for path in files) < SIZE_LIMIT

    @pytest.mark.parametrize(
        ("readme", "path"),
        [
            (DEMO / "README.md", DEMO / "gdsc.h5ad"),
            (DEMO / "README.md", GSE781),
            (DEMO / "README.md", DEMO / "geuvadis.tsv.gz"),
            (DEMO / "README.md", DEMO / "leukaemia.h5ad"),
            (DEMO / "README.md", DEMO / "bladder.h5ad"),
            (GENES / "README.md", GENES / "ids.tsv.gz"),
        ],
        ids=lambda path: path.name,
    )
    def test_readme_states_the_size_and_hash_of_the_file(self, readme: Path, path: Path) -> None:
        content = path.read_bytes()
        text = readme.read_text(encoding="utf-8")
        assert hashlib.sha256(content).hexdigest() in text
        assert re.search(rf"\b{len(content)}\b", text)

    def test_gdsc_is_975_cell_lines_by_5778_genes_of_float32(self, gdsc: anndata.AnnData) -> None:
        assert gdsc.shape == (975, 5778)
        assert gdsc.X.dtype == np.float32
        assert gdsc.obs_names.is_unique
        assert gdsc.var_names.is_unique

    def test_gdsc_holds_no_nan_and_no_constant_or_filled_gene(self, gdsc: anndata.AnnData) -> None:
        assert np.isfinite(gdsc.X).all()
        assert np.ptp(gdsc.X, axis=0).min() > 0
        assert not build.filled_genes(gdsc.X).any()

    def test_gdsc_values_are_the_sources_within_the_stated_tolerance(self, gdsc: anndata.AnnData) -> None:
        source = {  # read from the package's own file, to four decimals
            ("CAL120", "ARHGEF10L"): -0.5520,
            ("DMS114", "ARHGEF10L"): -0.5634,
            ("CAL120", "RNF11"): 0.5467,
            ("HCC1419", "RNF11"): 1.3853,
        }
        tolerance = gdsc.uns["rounding_tolerance"]
        assert tolerance == 2.0**-12
        for (cell_line, symbol), value in source.items():
            assert gdsc[cell_line, symbol].X.item() == pytest.approx(value, abs=tolerance + 0.00005)

    def test_gdsc_keeps_the_ties_of_the_source_and_makes_no_others(self, gdsc: anndata.AnnData) -> None:
        assert sum(row.size - np.unique(row).size for row in gdsc.X) == 41_186

    def test_gdsc_is_chunked_by_rows_and_checksummed(self) -> None:
        with h5py.File(DEMO / "gdsc.h5ad") as file:
            assert file["X"].chunks == (75, 5778)
            assert file["X"].fletcher32
            assert file["X"].compression == "gzip"

    def test_gse781_passes_a_whole_file_gzip_check_and_has_34_samples_on_two_platforms(self) -> None:
        with gzip.open(GSE781) as file:  # reading to the end checks length and CRC
            entries = Counter(line.split(b" ", 1)[0] for line in file if line.startswith(b"^"))
        assert entries == {b"^DATABASE": 1, b"^SERIES": 1, b"^PLATFORM": 2, b"^SAMPLE": 34}

    def test_geuvadis_is_10101_genes_by_85_samples_of_non_negative_integers(self) -> None:
        counts = pd.read_csv(DEMO / "geuvadis.tsv.gz", sep="\t", index_col="gene")
        assert counts.shape == (10_101, 85)
        assert counts.index.str.fullmatch(r"ENSG\d{11}").all()
        assert counts.index.is_unique and counts.columns.is_unique
        assert set(counts.dtypes) == {np.dtype("int64")}
        assert counts.to_numpy().min() >= 0
        assert np.ptp(counts.to_numpy(), axis=1).min() > 0
        assert counts.loc["ENSG00000000419", ["NA20502", "NA20504"]].tolist() == [339, 398]

    @pytest.mark.parametrize(("name", "shape"), [("leukaemia", (128, 8732)), ("bladder", (57, 16_722))])
    def test_small_cohorts_are_whole_matrices_of_float32_in_log2(
        self, request: pytest.FixtureRequest, name: str, shape: tuple[int, int]
    ) -> None:
        cohort = request.getfixturevalue(name)
        assert cohort.shape == shape
        assert cohort.X.dtype == np.float32
        assert cohort.obs_names.is_unique and cohort.var_names.is_unique
        assert cohort.X.min() > 1 and cohort.X.max() < 15  # RMA's range; NaN is in none
        assert np.ptp(cohort.X, axis=0).min() > 0
        with h5py.File(DEMO / f"{name}.h5ad") as file:
            assert file["X"].chunks == (shape[0], 1024)
            assert file["X"].fletcher32
            assert file["X"].compression == "gzip"

    @pytest.mark.parametrize(
        ("name", "source", "ties"),
        [  # read from the packages' own files, to four decimals
            ("leukaemia", {("01005", "MAPK3"): 7.5973, ("LAL4", "MAPK3"): 7.7022, ("01005", "TP53"): 5.1633}, 353),
            ("bladder", {("GSM71019.CEL", "1007_s_at"): 10.1152, ("GSM71019.CEL", "1053_at"): 5.3452}, 36_169),
        ],
    )
    def test_small_cohorts_hold_the_sources_values_and_ties_within_the_stated_tolerance(
        self, request: pytest.FixtureRequest, name: str, source: dict[tuple[str, str], float], ties: int
    ) -> None:
        cohort = request.getfixturevalue(name)
        tolerance = cohort.uns["rounding_tolerance"]
        assert tolerance == 2.0**-12
        for (sample, gene), value in source.items():
            assert cohort[sample, gene].X.item() == pytest.approx(value, abs=tolerance + 0.00005)
        assert sum(row.size - np.unique(row).size for row in cohort.X) == ties

    def test_leukaemia_has_741_landmarks_and_1124_genes_that_landex_does_not_know(
        self, leukaemia: anndata.AnnData, landmarks: pd.DataFrame
    ) -> None:
        genes = GeneNames.read(GENES / "ids.tsv.gz").identify(leukaemia.var_names.tolist(), "symbol")
        assert (~genes["mapped"]).sum() == 1124
        assert genes["gene"].nunique() == 8721
        assert landmarks["entrez"].isin(genes["gene"]).sum() == 741

    def test_bladder_has_the_probes_of_every_landmark_and_target(
        self, bladder: anndata.AnnData, landmarks: pd.DataFrame, targets: pd.DataFrame
    ) -> None:
        probes = pd.concat([landmarks["probe"], targets["probes"].str.split(",").explode()])
        assert set(bladder.var_names) == set(probes)


class TestGeneTables:
    def test_landmarks_are_978_genes_of_which_dgex_used_943(self, landmarks: pd.DataFrame) -> None:
        assert landmarks.columns.tolist() == ["entrez", "symbol", "ensembl", "probe", "dgex"]
        assert landmarks["dgex"].value_counts().to_dict() == {"1": 943, "0": 35}
        assert landmarks["entrez"].is_unique and landmarks["probe"].is_unique

    def test_targets_are_9520_of_which_445_are_landmark_genes(
        self, targets: pd.DataFrame, landmarks: pd.DataFrame
    ) -> None:
        assert targets.columns.tolist() == ["entrez", "symbol", "ensembl", "probes", "landmark_gene", "cmap"]
        overlapping = targets["landmark_gene"] == "1"
        assert (len(targets), overlapping.sum()) == (9520, 445)
        assert (targets["entrez"].isin(landmarks["entrez"]) == overlapping).all()

    def test_no_overlapping_target_shares_its_probe_with_the_landmark(
        self, targets: pd.DataFrame, landmarks: pd.DataFrame
    ) -> None:
        target_probes = targets["probes"].str.split(",").explode()
        assert not target_probes.isin(landmarks.loc[landmarks["dgex"] == "1", "probe"]).any()

    def test_ids_have_one_row_a_gene_sorted_by_entrez_id_as_a_number(self, ids: pd.DataFrame) -> None:
        assert ids.columns.tolist() == ["entrez", "symbol", "aliases", "ensembl", "name"]
        assert len(ids) == 65_191
        assert ids["entrez"].is_unique
        assert ids["entrez"].astype(int).is_monotonic_increasing
        assert (ids["symbol"] != "").all()

    def test_ids_know_tp53_by_all_its_names(self, ids: pd.DataFrame) -> None:
        assert ids.loc["7157"].to_dict() == {
            "entrez": "7157",
            "symbol": "TP53",
            "aliases": "BCC7|BMFS5|LFS1|P53|TRP53",
            "ensembl": "ENSG00000141510",
            "name": "tumor protein p53",
        }

    @pytest.mark.parametrize(
        ("entrez", "symbol", "alias"),
        [
            ("55016", "MARCHF1", "MARCH1"),
            ("10801", "SEPTIN9", "SEPT9"),
            ("7504", "XK", "NA"),
            ("11280", "SCN11A", "NaN"),
            ("2694", "CBLIF", "INF"),
            ("10", "NAT2", "AAC2"),
        ],
    )
    def test_ids_keep_names_that_look_like_dates_or_missing_values(
        self, ids: pd.DataFrame, entrez: str, symbol: str, alias: str
    ) -> None:
        assert ids.loc[entrez, "symbol"] == symbol
        assert alias in ids.loc[entrez, "aliases"].split("|")

    def test_no_alias_repeats_its_own_symbol(self, ids: pd.DataFrame) -> None:
        pairs = zip(ids["symbol"], ids["aliases"], strict=True)
        assert not any(symbol in aliases.split("|") for symbol, aliases in pairs)

    def test_ids_hold_every_landmark_and_all_targets_but_the_seven_without_an_entrez_id(
        self, ids: pd.DataFrame, landmarks: pd.DataFrame, targets: pd.DataFrame
    ) -> None:
        assert landmarks["entrez"].isin(ids["entrez"]).all()
        unknown = targets[~targets["entrez"].isin(ids["entrez"])]
        assert len(unknown) == 7
        assert (unknown["entrez"] == "").all()


# Expression has wide gaps, ties and crowds; crowds are what makes order hard to keep.
SPREAD_VALUES = st.floats(-1e4, 1e4, width=32)
CROWDED_VALUES = st.integers(-40, 40).map(lambda ulps: float(np.float32(1 + ulps * 2.0**-23)))
SAMPLES = st.lists(SPREAD_VALUES | CROWDED_VALUES | st.just(0.0), min_size=1, max_size=60).map(
    lambda values: np.array(values, dtype=np.float32)
)
TOLERANCES = st.integers(1, 20).map(lambda exponent: 2.0**-exponent)


class TestRounding:
    @given(values=SAMPLES, tolerance=TOLERANCES)
    def test_order_and_ties_are_kept(self, values: NDArray[np.float32], tolerance: float) -> None:
        rounded = rounding.round_keeping_order(values, tolerance)
        _, rank_before = np.unique(values, return_inverse=True)
        _, rank_after = np.unique(rounded, return_inverse=True)
        np.testing.assert_array_equal(rank_after, rank_before)

    @given(values=SAMPLES, tolerance=TOLERANCES)
    def test_no_value_moves_further_than_the_tolerance(self, values: NDArray[np.float32], tolerance: float) -> None:
        rounded = rounding.round_keeping_order(values, tolerance)
        assert rounded.dtype == np.float32
        assert np.abs(rounded.astype(np.float64) - values).max() <= tolerance

    def test_a_value_alone_becomes_a_multiple_of_twice_the_tolerance(self) -> None:
        rounded = rounding.round_keeping_order(np.array([0.3, -1.9, 7.0], dtype=np.float32), 0.125)
        np.testing.assert_array_equal(rounded, np.array([0.25, -2.0, 7.0], dtype=np.float32))

    def test_crowded_values_keep_as_many_digits_as_they_need(self) -> None:
        rounded = rounding.round_keeping_order(np.array([0.25, 0.3, 0.35], dtype=np.float32), 0.5)
        np.testing.assert_array_equal(rounded, np.array([0.0, 0.3125, 0.5], dtype=np.float32))

    def test_nan_is_refused(self) -> None:
        with pytest.raises(ValueError, match="NaN or infinity"):
            rounding.round_keeping_order(np.array([1.0, np.nan], dtype=np.float32), 0.5)

    @pytest.mark.parametrize("tolerance", [0.0, -0.5, 0.3])
    def test_a_tolerance_that_is_no_power_of_two_is_refused(self, tolerance: float) -> None:
        with pytest.raises(ValueError, match="not a positive power of two"):
            rounding.round_keeping_order(np.ones(2, dtype=np.float32), tolerance)


class Call:
    """Pickles as a call of `function` on `arguments`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.function, self.arguments


def pickled_tensor(storage: bytes) -> bytes:
    """Write what PyTorch pickles for `{"CAL120": tensor of 3 values}`, opcode by opcode."""
    return (
        b"\x80\x02}U\x06CAL120ctorch._utils\n_rebuild_tensor_v2\n("
        + (b"ctorch.storage\n_load_from_bytes\n(B" + struct.pack("<I", len(storage)) + storage + b"tR")
        + b"K\x00K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs."
    )


def pickled_storage(values: list[float]) -> bytes:
    """Write three float32 values in PyTorch's old storage format."""
    return (
        pickle.dumps(tensors.MAGIC_NUMBER, protocol=2)
        + pickle.dumps(1001, protocol=2)
        + pickle.dumps({"protocol_version": 1001, "little_endian": True}, protocol=2)
        + b"\x80\x02(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x03NtQ."
        + pickle.dumps(["0"], protocol=2)
        + struct.pack("<q3f", 3, *values)
    )


class TestRestrictedUnpickler:
    def test_a_pickle_that_would_run_a_command_is_refused_by_name_and_runs_nothing(self, tmp_path: Path) -> None:
        hostile = pickle.dumps({"CAL120": Call(os.system, f"touch {tmp_path / 'ran'}")})
        with pytest.raises(tensors.RefusedPickleError, match=r"asks for posix\.system, which is not allowed"):
            tensors.read_vectors(hostile)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("function", [eval, exec, getattr, __import__])
    def test_builtins_are_refused(self, function: object) -> None:
        with pytest.raises(tensors.RefusedPickleError, match=r"asks for builtins\."):
            tensors.read_vectors(pickle.dumps({"CAL120": Call(function, "1")}))

    def test_a_float_tensor_is_read_without_torch(self) -> None:
        vectors = tensors.read_vectors(pickled_tensor(pickled_storage([0.5, -1.25, 3.0])))
        assert list(vectors) == ["CAL120"]
        np.testing.assert_array_equal(vectors["CAL120"], np.array([0.5, -1.25, 3.0], dtype=np.float32))

    def test_a_hostile_pickle_inside_a_storage_is_refused_too(self, tmp_path: Path) -> None:
        storage = pickle.dumps(Call(os.system, f"touch {tmp_path / 'ran'}"))
        with pytest.raises(tensors.RefusedPickleError, match=r"asks for posix\.system, which is not allowed"):
            tensors.read_vectors(pickled_tensor(storage))
        assert not (tmp_path / "ran").exists()

    def test_a_storage_that_lacks_values_is_refused(self) -> None:
        with pytest.raises(tensors.RefusedPickleError, match="announces 3 values and holds 2"):
            tensors.read_vectors(pickled_tensor(pickled_storage([0.5, -1.25, 3.0])[:-4]))

    def test_a_truncated_pickle_is_refused_in_one_line(self) -> None:
        with pytest.raises(tensors.RefusedPickleError, match=r"^the pickle cannot be read \(.*\)$"):
            tensors.read_vectors(pickle.dumps({"CAL120": 1})[:-5])

    def test_a_pickle_of_something_else_is_refused(self) -> None:
        with pytest.raises(tensors.RefusedPickleError, match="not a dictionary of names and vectors"):
            tensors.read_vectors(pickle.dumps(["CAL120"]))


def r_symbol(name: str) -> str:
    return f"1\n262153\n{len(name)}\n{name}\n"


def r_pairs(*entries: tuple[str, str]) -> str:
    """Write a pairlist of symbols and values as R does in its text format: cells, and the end."""
    return "".join(f"1026\n{symbol}{value}" for symbol, value in entries) + "254\n"


def r_texts(*texts: str) -> str:
    return f"16\n{len(texts)}\n" + "".join(f"262153\n{len(text)}\n{text}\n" for text in texts)


def r_environment(enclosure: str, frame: str, hash_table: str = "254\n") -> str:
    return f"4\n0\n{enclosure}{frame}{hash_table}254\n"


R_DIMENSIONS = (r_symbol("dim"), "13\n2\n3\n2\n")
R_NAMES = (r_symbol("dimnames"), f"19\n2\n{r_texts('a_at', 'b_at', 'c_at')}{r_texts('s1', 's2')}")
R_MATRIX = f"526\n6\n1\n2\n3\n4\n5\n6.5\n{r_pairs(R_DIMENSIONS, R_NAMES)}"
R_EMPTY, R_REFERENCE_TO_SET, R_PROMISE = "242\n", "511\n", "5\n254\n254\n"


class TestExpressionSets:
    @pytest.mark.parametrize(
        "environment",
        [
            # In the list of one within another that holds a promise, which is R code; after another variable, whose
            # name is that of the file's object once more.
            r_environment(
                r_environment(R_EMPTY, r_pairs((r_symbol("code"), R_PROMISE))),
                r_pairs((R_REFERENCE_TO_SET, "254\n"), (r_symbol("exprs"), R_MATRIX)),
            ),
            # In a hash table of three lists, of which one is empty.
            r_environment(
                R_EMPTY,
                "254\n",
                f"19\n3\n{r_pairs((r_symbol('other'), R_PROMISE))}254\n{r_pairs((r_symbol('exprs'), R_MATRIX))}",
            ),
        ],
        ids=["in a list", "in a hash table"],
    )
    def test_values_are_read_wherever_the_environment_keeps_them_and_code_is_not(
        self, tmp_path: Path, environment: str
    ) -> None:
        slots = r_pairs((r_symbol("assayData"), environment), (r_symbol("annotation"), r_texts("hgu95av2")))
        objects = r_pairs((r_symbol("set"), f"66329\n{slots}"))
        path = tmp_path / "set.rda"
        path.write_text(f"RDA2\nA\n2\n262657\n131840\n{objects}")
        values = r_objects.read_expression_set(path)
        expected = pd.DataFrame(
            [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]],
            index=pd.Index(["s1", "s2"], name="sample"),
            columns=pd.Index(["a_at", "b_at", "c_at"], name="probe"),
        )
        pd.testing.assert_frame_equal(values, expected)


class TestBuilding:
    def test_probes_of_a_symbol_are_averaged_and_those_without_one_dropped(self) -> None:
        probes = pd.DataFrame({"a_at": [1.0, 2.0], "b_at": [5.0, 6.0], "c_at": [3.0, 6.0]}, index=["s1", "s2"])
        symbols = pd.Series({"c_at": "TP53", "b_at": "NA", "a_at": "TP53", "d_at": "XK"})
        averaged = build.means_by_symbol(probes, symbols)
        assert averaged.to_dict("list") == {"TP53": [2.0, 4.0]}
        assert averaged.index.tolist() == ["s1", "s2"]

    def test_a_gene_is_filled_only_where_every_sample_has_its_most_frequent_value(self) -> None:
        source = np.array([[5, 1, 5, 5, 2], [7, 7, 7, 3, 4], [6, 8, 6, 6, 9]], dtype=np.float32)
        assert build.filled_genes(source).tolist() == [True, False, True, False, False]

    def test_missing_debian_tools_are_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        source = packages.fetch_from_debian("r-bioc-geoquery", "usr/x", "0" * 64)
        with pytest.raises(packages.BuildError, match="apt-get is not on this machine"), source:
            pass

    def test_what_apt_says_last_is_passed_on(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        write_command(tmp_path / "apt-get", "echo 'E: Unable to locate package nowhere' >&2; exit 100")
        write_command(tmp_path / "dpkg-deb", "exit 0")
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        source = packages.fetch_from_debian("nowhere", "usr/x", "0" * 64)
        with (
            pytest.raises(packages.BuildError, match=r"exit status 100.*: E: Unable to locate package nowhere$"),
            source,
        ):
            pass

    def test_a_file_other_than_the_known_one_is_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        wheel = tmp_path / "some-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("data.txt", "other")
        write_command(tmp_path / "pip", f"cp '{wheel}' .")
        monkeypatch.setattr(packages, "_pip", lambda: [str(tmp_path / "pip")])
        with pytest.raises(packages.BuildError, match=r"some==1\.0: data\.txt is not the file that this script knows"):
            packages.fetch_from_pypi("some==1.0", {"data.txt": "0" * 64})
        with pytest.raises(packages.BuildError, match=r"some==1\.0: absent\.txt is not in it"):
            packages.fetch_from_pypi("some==1.0", {"absent.txt": "0" * 64})

    def test_the_same_text_makes_the_same_gzip_bytes(self, tmp_path: Path) -> None:
        for name in ("a.gz", "b.gz"):
            packages.write_gzip(tmp_path / name, "gene\tNA20502\n")
        assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
        assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"gene\tNA20502\n"


def write_command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
