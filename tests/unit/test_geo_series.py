"""Cohorts from GEO series: GSE781 against its file read by hand, and what becomes of odd submissions."""

import gzip
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from soft_text import GENES, PROBES, Sample, family, platform, probe, received, series, values, written

from landex.cohort import Limits
from landex.errors import UserError
from landex.genes import GeneTables
from landex.geo.series import SeriesSource, write_series_cohort
from landex.h5ad import open_matrix


@dataclass(frozen=True)
class Written:
    """What a cohort's two files hold."""

    obs: pd.DataFrame
    var: pd.DataFrame
    values: NDArray[np.float32]
    qc: pd.DataFrame

    def value(self, sample: str, gene: str) -> float:
        return float(self.values[self.obs.index.get_loc(sample), self.var.index.get_loc(gene)])


def cohort_of(folder: Path, soft: Path, resources: Path, source: SeriesSource | None = None) -> Written:
    source = source or SeriesSource("small", "GSE1", "GPL96", "auto", "GSE1")
    paths = folder / "cohort.h5ad", folder / "cohort.qc.tsv"
    genes = resources / "genes"
    tables = GeneTables(genes / "ids.tsv.gz", genes / "landmarks.tsv", genes / "targets.tsv")
    copied = folder / soft.name
    if not copied.exists():
        copied.symlink_to(soft)
    write_series_cohort(source, received(copied), tables, *paths)
    with open_matrix(paths[0]) as matrix:
        return Written(matrix.obs, matrix.var, matrix.read(), pd.read_csv(paths[1], sep="\t", keep_default_na=False))


@pytest.fixture(scope="module")
def soft(resources: Path) -> Path:
    return resources / "demo/geo/series/GSEnnn/GSE781/soft/GSE781_family.soft.gz"


@pytest.fixture(scope="module")
def kidney(tmp_path_factory: pytest.TempPathFactory, soft: Path, resources: Path) -> Written:
    source = SeriesSource("kidney", "GSE781", "GPL96", "auto", "GSE781")
    return cohort_of(tmp_path_factory.mktemp("kidney"), soft, resources, source)


@pytest.fixture(scope="module")
def by_hand(soft: Path) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """Read the gene of every probe of GPL96 and the values of three samples, with nothing but gzip."""
    genes: dict[str, str] = {}
    samples: dict[str, dict[str, float]] = {}
    entry, in_table = "", False
    with gzip.open(soft, "rt", encoding="latin-1") as stream:
        for line in stream:
            if line.startswith("^"):
                entry, in_table = line.split("=")[1].strip(), False
            elif line.startswith(("!platform_table_begin", "!sample_table_begin")):
                in_table = True
                header = next(stream).rstrip("\n").split("\t")
            elif line.startswith(("!platform_table_end", "!sample_table_end")):
                in_table = False
            elif in_table and entry == "GPL96":
                cells = line.rstrip("\n").split("\t")
                genes[cells[0]] = cells[header.index("ENTREZ_GENE_ID")]
            elif in_table and entry in ("GSM11805", "GSM11823", "GSM12444"):
                cells = line.split("\t")
                samples.setdefault(entry, {})[cells[0]] = float(cells[1])
    return genes, samples


def test_gse781_has_17_samples_all_found_linear(kidney: Written) -> None:
    assert len(kidney.obs) == 17
    assert kidney.obs.index.is_unique
    assert len(kidney.qc) == 17
    assert (kidney.qc["kept"] == 1).all()
    assert set(kidney.qc["scale"]) == {"linear"}
    assert set(kidney.qc["platform"]) == {"GPL96"}
    assert kidney.qc["sample"].tolist() == kidney.obs.index.tolist()


def test_every_gene_of_gse781_is_the_mean_log2_of_its_probes(
    kidney: Written, by_hand: tuple[dict[str, str], dict[str, dict[str, float]]]
) -> None:
    genes, samples = by_hand
    probes: dict[str, list[str]] = {}
    for name, gene in genes.items():
        if gene and "///" not in gene:
            probes.setdefault(gene, []).append(name)
    assert kidney.var.index.tolist() == list(probes)
    assert kidney.var["columns"].tolist() == [len(names) for names in probes.values()]
    for sample, measured in samples.items():
        assert len(measured) == 22_283
        expected = [np.mean([np.log2(measured[name]) for name in names]) for names in probes.values()]
        np.testing.assert_allclose(kidney.values[kidney.obs.index.get_loc(sample)], expected, rtol=1e-6, atol=1e-6)


def test_a_gene_of_four_probes_with_values_copied_from_the_file(kidney: Written) -> None:
    # DDR1, Entrez 780, in GSM11805: 1007_s_at, 207169_x_at, 208779_x_at, 210749_x_at.
    expected = np.log2([1946.9, 1581.8, 1166.5, 1577.4]).mean()
    assert kidney.value("GSM11805", "780") == pytest.approx(expected, rel=1e-6)


def test_quantiles_in_the_qc_table_are_those_of_the_raw_values(
    kidney: Written, by_hand: tuple[dict[str, str], dict[str, dict[str, float]]]
) -> None:
    quantiles = kidney.qc.set_index("sample").loc["GSM11805", ["q00", "q25", "q50", "q75", "q99", "q100"]]
    raw = np.quantile(list(by_hand[1]["GSM11805"].values()), [0, 0.25, 0.5, 0.75, 0.99, 1])
    assert quantiles.astype(float).tolist() == pytest.approx(raw.tolist(), rel=1e-5)


def test_another_platform_of_the_series_is_another_cohort(tmp_path: Path, soft: Path, resources: Path) -> None:
    with pytest.raises(UserError, match="GSE781: has no platform GPL570; it has GPL96, GPL97"):
        cohort_of(tmp_path, soft, resources, SeriesSource("kidney", "GSE781", "GPL570", "auto", "GSE781"))


TWO = [Sample("GSM1", values(100)), Sample("GSM2", values(300))]


def test_probes_of_one_gene_are_averaged_in_log2_and_named_by_gene(tmp_path: Path, resources: Path) -> None:
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family(TWO)), resources)
    assert found.var.index.tolist() == [entrez for entrez, _ in GENES]
    assert found.var["symbol"].tolist() == [symbol for _, symbol in GENES]
    assert found.var["mapped"].all()
    for number, (entrez, _) in enumerate(GENES):
        expected = np.mean(np.log2([300 + 10 * place for place in range(number, PROBES, len(GENES))]))
        assert found.value("GSM2", entrez) == pytest.approx(expected, rel=1e-6)
    assert found.obs.loc["GSM1", ["series", "platform", "group", "title", "source"]].tolist() == [
        "GSE1", "GPL96", "GSE1", "title of GSM1", "small",
    ]  # fmt: skip


def test_missing_values_are_left_out_of_a_genes_mean(tmp_path: Path, resources: Path) -> None:
    rows = values(100)
    rows[0] = f"{probe(0)}\tnull"
    rows[6] = f"{probe(6)}\t-5"  # no logarithm
    for place in range(1, PROBES, 6):
        rows[place] = f"{probe(place)}\t"  # all of the second gene
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family([Sample("GSM1", rows), TWO[1]])), resources)
    expected = np.mean(np.log2([100 + 10 * place for place in range(12, PROBES, 6)]))
    assert found.value("GSM1", "16") == pytest.approx(expected, rel=1e-6)
    assert np.isnan(found.value("GSM1", "23"))
    assert found.qc["missing"].tolist() == pytest.approx([32 / PROBES, 0], abs=1e-6)


def test_a_gene_called_na_loses_no_probe(tmp_path: Path, resources: Path) -> None:
    rows = [f"{probe(number)}\t{symbol}" for number, symbol in enumerate(["NA", "null", "TP53", "nan"] * 45)]
    text = family(TWO, platform=platform(rows, "ID\tGene Symbol"))
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", text), resources)
    # NA is an alias of XK (7504), but a table that says NA hardly means XK: it stays a name of its own.
    assert found.var.index.tolist() == ["NA", "null", "7157", "nan"]
    assert found.var["mapped"].tolist() == [False, False, True, False]
    assert found.var["columns"].tolist() == [45] * 4


def test_probes_of_several_genes_or_none_are_left_out(tmp_path: Path, resources: Path) -> None:
    ids = ["16", "16 /// 23", "---", "", "8813 ", "23"] * 30
    rows = [f"{probe(number)}\tx\t{entrez}" for number, entrez in enumerate(ids)]
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family(TWO, platform=platform(rows))), resources)
    assert found.var.index.tolist() == ["16", "8813", "23"]
    assert found.var["columns"].tolist() == [30, 30, 30]


def test_a_quote_in_an_annotation_swallows_no_rows(tmp_path: Path, resources: Path) -> None:
    rows = [f"{probe(number)}\tx\t{number + 1}" for number in range(PROBES)]
    rows[3] = f'{probe(3)}\t"5 prime end\t4'
    text = family(TWO, platform=platform(rows, "ID\tGene Title\tENTREZ_GENE_ID"))
    assert len(cohort_of(tmp_path, written(tmp_path / "f.gz", text), resources).var) == PROBES


def test_an_empty_column_of_entrez_ids_leaves_the_symbols_to_name_genes(tmp_path: Path, resources: Path) -> None:
    rows = [f"{probe(number)}\tTP53\t" for number in range(PROBES)]
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family(TWO, platform=platform(rows))), resources)
    assert found.var.index.tolist() == ["7157"]


def test_every_sample_decides_for_itself_whether_to_log(tmp_path: Path, resources: Path) -> None:
    logged = Sample("GSM3", [f"{probe(number)}\t{2 + number / 10:g}" for number in range(PROBES)])
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family([*TWO, logged])), resources)
    assert found.qc["scale"].tolist() == ["linear", "linear", "log2"]
    assert found.value("GSM3", "16") == pytest.approx(np.mean([2 + number / 10 for number in range(0, PROBES, 6)]))


def test_rejected_samples_are_in_the_qc_table_with_their_reasons(tmp_path: Path, resources: Path) -> None:
    odd = [
        Sample("GSM3", values(100), attributes={"organism_ch1": "Mus musculus"}),
        Sample("GSM4", values(100), attributes={"channel_count": "2"}),
        Sample("GSM5", values(100), announced=181),
        Sample("GSM6", [f"{probe(number)}\tabsent" for number in range(PROBES)]),
        Sample("GSM7", values(100, 99)),
        Sample("GSM8", [f"{probe(number)}\t5" for number in range(PROBES)]),
        Sample("GSM9", [f"other{number}\t5{number}" for number in range(PROBES)]),
        Sample("GSM10", values(100), platform="GPL97"),
    ]
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family([*TWO, *odd])), resources)
    assert found.obs.index.tolist() == ["GSM1", "GSM2"]
    assert found.qc.set_index("sample")["reason"].to_dict() == {
        "GSM1": "",
        "GSM2": "",
        "GSM3": "its organism is Mus musculus, not Homo sapiens",
        "GSM4": "it has two channels; their values are ratios, not expression",
        "GSM5": "its table has 180 rows, not the 181 it announces",
        "GSM6": "its value 'absent' is no number",
        "GSM7": "it has 99 values only",
        "GSM8": "all its values are the same",
        "GSM9": "none of its probes is on platform GPL96",
    }
    assert found.qc["kept"].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0]


LISTED = ["GSM1", "GSM2"]
TWO_CHANNELS = Sample("GSM1", values(100), attributes={"channel_count": "2"})
NAMELESS = platform([f"{probe(0)}\t---\t", f"{probe(1)}\tx\t1 /// 2"])
REFUSED = {
    "another series": (
        family(TWO, series=series(LISTED, "GSE2")),
        "holds the series GSE2, not GSE1; fetch it again",
    ),
    "another platform": (
        family(TWO, series=series(LISTED, platforms=["GPL570"])),
        "GSE1: has no platform GPL96; it has GPL570",
    ),
    "no platform": (family(TWO, series=series(LISTED, platforms=[])), "GSE1: has no platform GPL96; it has none"),
    "no series": (family(TWO, series=""), r"f\.soft\.gz: .*series"),
    "no table of the platform": (family(TWO, platform=""), "the table of platform GPL96 is missing; fetch it again"),
    "samples missing": (
        family(TWO, series=series([*LISTED, "GSM3", "GSM4"])),
        r"2 of the 4 samples it lists are missing \(GSM3\)",
    ),
    "probes missing": (
        family(TWO, platform=platform(announced=22283)),
        "platform GPL96: its table has 180 rows, not the 22283",
    ),
    "no genes on the platform": (
        family(TWO, platform=platform(header="ID\tOne\tTwo")),
        r"platform GPL96: its table has no column of Entrez ids .*ID, One, Two",
    ),
    "no probes on the platform": (
        family(TWO, platform=platform(header="PROBE\tGene Symbol\tENTREZ_GENE_ID")),
        "platform GPL96: its table has no column ID",
    ),
    "no sample left": (family([TWO_CHANNELS]), r"small: none of its 1 samples can be used \(it has two channels"),
    "no gene named": (family(TWO, platform=NAMELESS), "small: none of its "),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_family_file_that_cannot_be_right_is_refused(
    tmp_path: Path, resources: Path, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        cohort_of(tmp_path, written(tmp_path / "f.soft.gz", text), resources)
    assert "\n" not in str(error.value)
    assert {path.name for path in tmp_path.iterdir()} == {"f.soft.gz", "f.soft.gz.json", ".f.soft.gz.json"}


def test_samples_say_what_they_are_of(tmp_path: Path, resources: Path) -> None:
    sample = Sample("GSM1", values(100), attributes={"source_name_ch1": "kidney"})
    more = "!Sample_characteristics_ch1 = sex: f\n!Sample_characteristics_ch1 = age: 7\n"
    text = family([sample]).replace("#ID_REF", f"{more}#ID_REF")
    text = text.replace("!Series_platform_id", "!Series_relation = SubSeries of: GSE9\n!Series_platform_id", 1)
    source = SeriesSource("small", "GSE1", "GPL96")
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", text), resources, source)
    assert found.obs.loc["GSM1", ["source_name", "characteristics", "superseries", "group"]].tolist() == [
        "kidney", "sex: f; age: 7", "GSE9", "GSE1",
    ]  # fmt: skip
    # The user's own groups are the last word.
    (tmp_path / "own").mkdir()
    own = cohort_of(tmp_path / "own", tmp_path / "f.gz", resources, replace(source, group="mine"))
    assert own.obs.loc["GSM1", ["superseries", "group"]].tolist() == ["", "mine"]


def test_too_many_missing_or_negative_values_reject_a_sample(tmp_path: Path, resources: Path) -> None:
    def with_gaps(count: int, text: str) -> list[str]:
        return [f"{probe(place)}\t{text}" if place < count else row for place, row in enumerate(values(100))]

    samples = [
        Sample("GSM1", with_gaps(54, "null")),
        Sample("GSM2", with_gaps(55, "null")),
        Sample("GSM3", with_gaps(54, "-12.5")),
        Sample("GSM4", with_gaps(55, "-12.5")),
    ]
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family(samples)), resources)
    assert found.obs.index.tolist() == ["GSM1", "GSM3"]
    assert found.qc["kept"].tolist() == [1, 0, 1, 0]
    reason = "31% of its values are missing or have no logarithm, more than 30% (quality.missing)"
    assert found.qc["reason"].tolist() == ["", reason, "", reason]
    assert found.qc["missing"].tolist() == pytest.approx([0.3, 55 / 180, 0.3, 55 / 180], rel=1e-5)
    assert found.qc["negative"].tolist() == pytest.approx([0, 0, 0.3, 55 / 180], rel=1e-5)


@pytest.mark.parametrize(("outlier", "kept"), [(0.2, 6), (None, 7), (1.9, 7)])
def test_a_sample_unlike_the_rest_of_its_series_is_rejected(
    tmp_path: Path, resources: Path, outlier: float | None, kept: int
) -> None:
    random = np.random.default_rng(5)
    profile = random.normal(8, 2, PROBES)
    rows = [profile + random.normal(0, 0.5, PROBES) for _ in range(6)]
    rows.insert(2, random.permutation(profile))
    samples = [
        Sample(f"GSM{number}", [f"{probe(place)}\t{value:.4f}" for place, value in enumerate(row)])
        for number, row in enumerate(rows)
    ]
    source = SeriesSource("small", "GSE1", "GPL96", limits=Limits(outlier=outlier))
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family(samples)), resources, source)
    assert len(found.obs) == kept
    rounded = np.round(rows, 4)
    expected = [np.corrcoef(row, np.delete(rounded, place, 0).mean(0))[0, 1] for place, row in enumerate(rounded)]
    assert found.qc["correlation"].tolist() == pytest.approx(expected, abs=1e-5)
    if kept == 6:
        (reason,) = found.qc.loc[found.qc["kept"] == 0, "reason"]
        assert reason.startswith(f"its correlation with the rest of its series is {expected[2]:.2f}, where the median")


def test_four_samples_are_too_few_to_say_which_is_unlike(tmp_path: Path, resources: Path) -> None:
    odd = Sample("GSM4", list(values(100)))
    odd.rows = [f"{probe(place)}\t{100 + 10 * (PROBES - place)}" for place in range(PROBES)]
    samples = [*TWO, Sample("GSM3", values(500)), odd]
    assert len(cohort_of(tmp_path, written(tmp_path / "f.gz", family(samples)), resources).obs) == 4


@pytest.mark.parametrize(("rule", "genes"), [("drop", ["16", "8813"]), ("first", ["16", "23", "8813"])])
def test_probes_of_several_genes_go_by_the_rule(tmp_path: Path, resources: Path, rule: str, genes: list[str]) -> None:
    ids = ["16", "23 /// 16", "8813 /// 8813"] * 60
    rows = [f"{probe(number)}\tx\t{entrez}" for number, entrez in enumerate(ids)]
    source = SeriesSource("small", "GSE1", "GPL96", ambiguous=rule)
    text = family(TWO, platform=platform(rows))
    assert cohort_of(tmp_path, written(tmp_path / "f.gz", text), resources, source).var.index.tolist() == genes


def test_affymetrix_assignments_of_transcripts_name_genes(tmp_path: Path, resources: Path) -> None:
    one = "NM_1 // AARS1 // title // 16q22 // 16 /// ENST1 // AARS1 // title // 16q22 // 16"
    two = "NM_2 // ABCF1 // t // 6 // 23 /// NM_3 // TP53 // t // 17 // 7157"
    rows = [f"{probe(number)}\t{(one, two, '---')[number % 3]}" for number in range(PROBES)]
    text = family(TWO, platform=platform(rows, "ID\tgene_assignment"))
    assert cohort_of(tmp_path, written(tmp_path / "f.gz", text), resources).var.index.tolist() == ["16"]


@pytest.mark.parametrize(("foreign", "kept"), [(1, True), (2, False)])
def test_probes_that_the_platform_does_not_have_are_counted_and_reject_where_many(
    tmp_path: Path, resources: Path, foreign: int, kept: bool
) -> None:
    rows = [*values(100)[foreign:], *(f"other{number}\t7" for number in range(foreign))]
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family([*TWO, Sample("GSM3", rows)])), resources)
    last = found.qc.iloc[2]
    assert bool(last["kept"]) is kept
    if kept:
        assert last["unplaced"] == 1
    else:
        assert last["reason"] == "2 of its 180 probes are not on platform GPL96"


def test_a_sample_twice_in_a_file_is_refused(tmp_path: Path, resources: Path) -> None:
    with pytest.raises(UserError, match="holds the sample GSM1 twice"):
        cohort_of(tmp_path, written(tmp_path / "f.gz", family([*TWO, TWO[0]])), resources)


def test_a_superseries_without_samples_names_its_subseries(tmp_path: Path, resources: Path) -> None:
    head = series([]) + "!Series_relation = SuperSeries of: GSE2\n!Series_relation = SuperSeries of: GSE3\n"
    with pytest.raises(UserError, match="lists no samples; take its subseries instead: GSE2, GSE3"):
        cohort_of(tmp_path, written(tmp_path / "f.gz", head), resources)


def test_probes_that_no_sample_lists_are_not_measured_rather_than_missing(tmp_path: Path, resources: Path) -> None:
    listed = [row for place, row in enumerate(values(100)) if place % 6 < 4]
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", family([Sample("GSM1", listed)])), resources)
    assert found.qc[["kept", "missing"]].values.tolist() == [[1, 0]]
    assert found.var.index.tolist() == [entrez for entrez, _ in GENES[:4]]


def test_symbols_that_spreadsheets_made_dates_of_stay_what_they_are(tmp_path: Path, resources: Path) -> None:
    symbols = ["1-Mar", "2-Sep", "2003/1/4", "1E5", "TP53"]
    rows = [f"{probe(number)}\t{symbols[number % 5]}" for number in range(PROBES)]
    text = family(TWO, platform=platform(rows, "ID\tGene Symbol"))
    found = cohort_of(tmp_path, written(tmp_path / "f.gz", text), resources)
    assert found.var.index.tolist() == [*symbols[:4], "7157"]
    assert found.var["mapped"].tolist() == [False] * 4 + [True]
