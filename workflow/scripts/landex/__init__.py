"""landex: infer the expression of unmeasured target genes from measured landmark genes.

The package is pure: it knows nothing of Snakemake and can be used from a notebook.
"""

__version__ = "0.1.0"
