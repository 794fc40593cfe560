"""One training as a job runs it, in a process of its own that a test may end in any way.

Usage: python train.py FOLDER EPOCHS [SECONDS]: trains on what lies in FOLDER, waiting SECONDS after every epoch.
"""

import sys
import time
from pathlib import Path

from landex.job import job

folder, epochs, pause = Path(sys.argv[1]), int(sys.argv[2]), float((*sys.argv, "0")[3])
with job(folder / "log", Path(sys.argv[0]).parents[2] / "workflow" / "scripts" / "network.py"):
    from network_settings import mapping_of

    from landex.networks import fit

    log_of = fit.log_of

    def slow_log_of(count: int) -> object:
        tell = log_of(count)

        def told(row: object) -> None:
            tell(row)  # type: ignore[arg-type]
            time.sleep(pause)

        return told

    fit.log_of = slow_log_of  # type: ignore[assignment]
    fit.fit_network(
        "deep",
        mapping_of("deep", hidden=[8], batch=5, epochs=epochs, patience=None, monitored=10, ema=0.9),
        (1, 1),
        None,
        {"device": "cpu", "gpus": 1, "allow_cpu": False, "checkpoint_minutes": 0, "tensorboard": False},
        2,
        folder / "normalised.h5ad",
        folder / "split.tsv",
        None,
        folder / "scratch",
        "code",
        *(folder / name for name in ("weights.h5", "history.tsv", "metrics.json")),
    )
