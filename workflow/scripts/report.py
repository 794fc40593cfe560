"""Rule report: the page, and its figures as static SVG."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.page import read_run, write_figures, write_page

    tables = ("summary", "genes", "verdict", "metrics", "histories", "quality", "duplicates", "split", "roles")
    settings = ("baseline", "external", "split_by", "fractions", "seed")
    run = read_run(
        **{name: snakemake.input[name] for name in tables},
        **{name: snakemake.params[name] for name in settings},
    )
    write_figures(Path(snakemake.output.density[0]).parent, run)
    write_page(snakemake.output.page, run, snakemake.input.template)
