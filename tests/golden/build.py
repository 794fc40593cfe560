"""Write the bundles, profiles and expected values beside this file, which later versions have to reproduce.

Usage: bin/python tests/golden/build.py

Only after the format of bundles was changed on purpose: what they hold is simulated (tests/simulated_bundle.py).
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "workflow" / "scripts"), str(HERE.parent)]

from simulated_bundle import simulate  # noqa: E402

from landex.formats.files import create_matrix_file  # noqa: E402
from landex.inference.infer import infer_file  # noqa: E402
from landex.inference.jobs import Settings  # noqa: E402

# One of each that computes in its own way; the blend's members are a linear model and a network.
MODELS = ("linear", "kernel", "ensemble", "blend")
_PROFILES = 5


def main() -> None:
    """Write everything."""
    with TemporaryDirectory() as folder:
        run = simulate(Path(folder))
        profiles = run.profiles()[:_PROFILES].copy()
        # Gaps are filled in on the way, and a tie is settled.
        profiles[1, 3] = np.nan
        profiles[2, 4] = profiles[2, 5]
        names = [f"profile{number}" for number in range(len(profiles))]
        with create_matrix_file(HERE / "profiles.tsv", names, run.landmarks["symbol"].tolist()) as out:
            out.write(slice(0, len(profiles)), profiles)
        for model in MODELS:
            bundle = HERE / f"{model}.landex"
            bundle.write_bytes(run.bundle(model).read_bytes())
            result = Path(folder, f"{model}.tsv")
            infer_file(bundle, HERE / "profiles.tsv", result, Settings(intervals=True))
            for end in ("", ".lower", ".upper"):
                text = result.with_name(f"{model}{end}.tsv").read_bytes()
                (HERE / f"{model}{end}.tsv").write_bytes(text)
            (HERE / f"{model}.samples.tsv").write_bytes(Path(f"{result}.samples.tsv").read_bytes())


if __name__ == "__main__":
    main()
