"""Snakemake, whose executor for Slurm asks for the state of its jobs every second.

It would wait ten seconds longer each time that no job had ended, so as to spare a cluster that many share: in a run of
some minutes that is most of the time. Jobs run as they always do.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)

if __name__ == "__main__":
    sys.exit(main())
