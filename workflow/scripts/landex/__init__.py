"""landex: infer the expression of unmeasured target genes from measured landmark genes.

The package is pure: it knows nothing of Snakemake and can be used from a notebook.

>>> with landex.load("results/bundles/deep.landex") as bundle:
...     inferred = bundle.infer(adata)
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Return `load`, which opens a bundle (see `landex.inference.api.LoadedBundle`); imported when it is asked for.

    By its name, because what this file imports by itself is part of every job.
    """
    if name == "load":
        from importlib import import_module

        return import_module("landex.inference.api").LoadedBundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
