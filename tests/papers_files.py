"""The paper's three files in small, in exactly their formats: arrays by probe, two RNA-seq cohorts by Ensembl id."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.features import dgex_features

ARRAYS = "bgedv2_QNORM.gctx"
GTEX = "GTEx_RNASeq_RPKM_n2921x55993.gctx"
GENOMES = "GD462.GeneQuantRPKM.50FN.samplename.resk10.txt"
LANDMARKS, TARGETS, OVERLAPPING, COPIES = 40, 120, 5, 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PapersFiles:
    """What the files hold.

    Attributes
    ----------
    features
        D-GEX's features that they measure, with the probes of each.
    probes
        Names of the arrays' probes, some of them of no gene.
    arrays
        Shape (samples, probes), log2; the last samples are the first ones once more, nearly.
    rna
        Shape (samples, features), RPKM with many zeros.
    """

    features: pd.DataFrame
    probes: list[str]
    arrays: NDArray[np.float32]
    rna: Floats


def write_papers_files(folder: Path, resources: Path, samples: int, rna_samples: int) -> PapersFiles:
    """Simulate and write the three files under the paper's names."""
    random = np.random.default_rng(1)
    features = _some_features(resources)
    probes = [*features["probes"].str.split(",").explode(), "AFFX-BioB-5_at", "1_of_no_gene_at"]
    probes = [probes[place] for place in random.permutation(len(probes))]
    levels, loadings = random.normal(8, 2, len(probes)), random.normal(size=(6, len(probes)))
    arrays = levels + random.normal(size=(samples, 6)) @ loadings + random.normal(0, 0.4, (samples, len(probes)))
    arrays = np.concatenate([arrays, arrays[:COPIES] + random.normal(0, 0.01, (COPIES, len(probes)))])
    rna = np.floor(random.gamma(0.5, 40, (rna_samples, len(features)))) / 8
    found = PapersFiles(features, probes, arrays.astype(np.float32), rna)
    _write_gctx(folder / ARRAYS, found.arrays, [f"GSM{row}" for row in range(len(arrays))], probes)
    # GTEx and the 1000 Genomes name genes by Ensembl id with version; a landmark's gene stands there once.
    once = ~features["overlapping"].to_numpy()
    ensembl = [f"{name}.{number % 9}" for number, name in enumerate(features["ensembl"][once])]
    names = [f"R{row}" for row in range(rna_samples)]
    _write_gctx(folder / GTEX, rna[:, once], names, ensembl)
    rows = ["\t".join(["TargetID", "Gene_Symbol", "Chr", "Coord", *names])]
    rows += ["\t".join([name, name, "1", "100", *map(str, rna[:, once][:, n])]) for n, name in enumerate(ensembl)]
    (folder / GENOMES).write_text("\n".join(rows) + "\n")
    return found


def _some_features(resources: Path) -> pd.DataFrame:
    """Return landmarks, and targets of which some overlap with them."""
    features = dgex_features(resources / "genes/landmarks.tsv", resources / "genes/targets.tsv")
    landmarks = features[features["landmark"]].iloc[:LANDMARKS]
    targets = features[~features["landmark"]]
    overlapping = targets[targets["overlapping"] & targets["entrez"].isin(landmarks["entrez"])].iloc[:OVERLAPPING]
    others = targets[~targets["overlapping"] & (targets["entrez"] != "")].iloc[: TARGETS - len(overlapping)]
    assert len(overlapping) == OVERLAPPING
    return pd.concat([landmarks, others, overlapping])


def _write_gctx(path: Path, values: NDArray[np.floating], samples: list[str], genes: list[str]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "GCTX1.0"
        file.create_dataset("0/DATA/0/matrix", data=values.astype(np.float32), chunks=(7, 50))
        file["0/META/COL/id"] = np.array([sample.encode() for sample in samples], "S")
        file["0/META/ROW/id"] = np.array([gene.encode() for gene in genes], "S")
