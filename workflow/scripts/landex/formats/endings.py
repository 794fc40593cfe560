"""The endings of matrix files that can be read, for whoever only has to know them."""

ENDINGS = (".h5ad", ".gctx", ".gct", ".tsv", ".csv", ".txt")
# Text may be packed.
_TEXT = (".gct", ".tsv", ".csv", ".txt")
SUFFIXES = (*ENDINGS, *(ending + packing for ending in _TEXT for packing in (".gz", ".xz")))
