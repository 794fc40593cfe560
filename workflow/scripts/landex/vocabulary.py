"""Names that stand in files of several stages."""

# Parts of the compendium. Validation is cut in two: `select` chooses (penalties, epochs), `calibrate` is kept
# for what is said about the chosen model.
PARTS = ("training", "select", "calibrate", "test")
# What a variation with fewer training samples leaves out.
UNUSED = "unused"

# How an external cohort's z-scores are made: by the training samples' mean and deviation, or by its own.
SCALINGS = ("training", "own")

# The section of the config with cohorts that models may learn from beside the compendium, and the setting of those that
# do; metrics.json has the number of their samples under it.
AUXILIARY = "auxiliary"

# The model that says every gene's mean, which comparisons hold models against; no config can name one so.
NULL = "(mean)"

# The quantiles of a sample's values that decide on log2, as columns of qc.tsv.
QUANTILES = {"q00": 0.0, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q99": 0.99, "q100": 1.0}

# What the values of new profiles can be; `auto` finds it.
SCALES = ("auto", "log2", "linear", "counts", "tpm", "zscores")
