"""Bundles in Python: `landex.load(path).infer(adata)`."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from landex.bundles.bundle import Bundle, open_bundle
from landex.formats.matrix_file import Content, TableInMemory
from landex.inference.jobs import Job, Settings
from landex.inference.profiles import Landmarks, Reading, looked_over

if TYPE_CHECKING:
    from anndata import AnnData

# What messages call profiles that come from no file.
_NAME = Path("adata")


class LoadedBundle:
    """A bundle that scores profiles; made by `landex.load`.

    Its arrays stay in the file, which is closed at the end of a `with` block, by `close`, or with the process.

    Parameters
    ----------
    path
        The .landex file.

    Raises
    ------
    UserError
        If it is damaged, was changed, or was made by a newer landex.
    """

    def __init__(self, path: str | Path) -> None:
        self._opened = ExitStack()
        self._bundle: Bundle = self._opened.enter_context(open_bundle(path))

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self._bundle.card

    @property
    def about(self) -> dict[str, Any]:
        """What the bundle says of its model: kinds, errors by cohort, versions, sources and so on."""
        return dict(self._bundle.about)

    @property
    def fingerprint(self) -> str:
        """SHA-256 that stands for all of the bundle's content."""
        return self._bundle.fingerprint

    @property
    def landmarks(self) -> list[str]:
        """The input genes, by Entrez id."""
        return list(self._bundle.landmarks.genes)

    @property
    def targets(self) -> list[str]:
        """The genes that are inferred."""
        return list(self._bundle.targets.genes)

    def infer(
        self,
        adata: "AnnData",
        *,
        values: str = "auto",
        names: str = "auto",
        units: str = "quantile",
        genes: Sequence[str] | None = None,
        intervals: bool = False,
        harmonise: str = "quantiles",
        fewest_landmarks: float = 0.5,
        threads: int = 1,
    ) -> "AnnData":
        """Infer all genes of some profiles.

        Parameters
        ----------
        adata
            Samples x genes, X dense or sparse, genes named by Entrez id, symbol, Ensembl id or probe.
        values, names
            Scale of X (`log2`, `linear`, `counts`, `tpm`, `zscores`) and what names the genes (`entrez`, `symbol`,
            `ensembl`, `probe`); `auto` finds both.
        units
            `quantile`, as log2 and as the training samples were normalised, or `zscores` of the training samples.
        genes
            Targets asked for, by any of their names; all where None.
        intervals
            Whether the layers `lower` and `upper`, the ends of prediction intervals, are made.
        harmonise
            `quantiles`, `distinct_ranks` or `tdm`.
        fewest_landmarks
            Share of the landmarks that there have to be; others are filled in.
        threads
            Cores to use.

        Returns
        -------
        AnnData
            Samples x (landmarks, then targets), float32; `obs` as it came, with scale, landmarks, distance and p; `var`
            with symbol, ensembl, role, trust, reason, r_gene, r2, half_width, guarantee; warnings in `uns["landex"]`.

        Raises
        ------
        UserError
            If the profiles cannot be scored.
        """
        from anndata import AnnData
        from scipy.sparse import issparse

        x = adata.X.toarray() if issparse(adata.X) else np.asarray(adata.X)
        content = Content.of(adata.obs_names.astype(str), adata.var_names.astype(str))
        file = TableInMemory(_NAME, content, x.T if x.dtype.kind == "f" else x.T.astype(np.float64))
        landmarks = Landmarks(self._bundle.names, self._bundle.landmarks.mean)
        reading = Reading(values=values, names=names, fewest_landmarks=fewest_landmarks)
        asked = None if genes is None else tuple(genes)
        settings = Settings(reading, units, asked, intervals, harmonise)
        job = Job(self._bundle, looked_over(file, landmarks, reading), settings)
        blocks = list(job.scored(0, threads))
        of_blocks = [np.column_stack([block.distances, block.p]) for block in blocks]
        account, figures = job.account, np.concatenate(of_blocks)
        told = {**account.table_of_samples(figures), "landmarks": account.profiles.counts}
        result = AnnData(
            np.concatenate([block.values for block in blocks]),
            obs=adata.obs.assign(**{name: column for name, column in told.items() if name != "sample"}),
            var={name: column for name, column in account.table_of_genes().items() if name != "gene"},
        )
        result.var_names = account.genes
        for name in ("lower", "upper"):
            ends = [matrix for block in blocks if (matrix := getattr(block, name)) is not None]
            if ends:
                result.layers[name] = np.concatenate(ends)
        result.uns["landex"] = {
            "bundle": str(self._bundle.path),
            "fingerprint": self.fingerprint,
            "units": units,
            "warnings": account.warnings(figures),
        }
        return result

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()
