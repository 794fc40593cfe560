"""Rule judge: the verdict, and the tables that sum up intervals, trust, learning curve and generalisation."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.evaluation.bootstrap import Certainty
    from landex.evaluation.judge import Findings, Settings, write_judgement
    from landex.evaluation.trust import Bars

    known = snakemake.params
    chosen = (known.baseline, known.split_by, known.fractions, known.coverage)
    settings = Settings(*chosen, Certainty(**known.certainty), Bars(**known.bars))
    write_judgement(Findings(**dict(snakemake.input.items())), settings, dict(snakemake.output.items()))
