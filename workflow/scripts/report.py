"""Rule report: the page, and its figures as static files."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.report.figures import write_figures
    from landex.report.page import write_page
    from landex.report.run import Settings, read_run

    said = snakemake.params
    materials = ("collapse", "duplicates", "landmarks", "targets", "preprocessing", "normalise")
    settings = Settings(
        baseline=said.baseline,
        sources=said.sources,
        external=said.external,
        auxiliary=said.auxiliary,
        materials={name: said[name] for name in materials},
        split=said.split,
        evaluation={**said.certainty, "coverage": said.coverage, "trust": said.bars},
    )
    run = read_run(dict(snakemake.input.items()), settings)
    write_figures(Path(snakemake.output.density[0]).parent, run)
    write_page(snakemake.output.page, run, snakemake.input.template)
