"""Training on several devices, here two logical CPUs: the same steps as on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("several_devices.py")
ROOT = SCRIPT.parents[2]


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    path = os.pathsep.join(map(str, (ROOT / "workflow" / "scripts", ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {case: value for line in done.stdout.splitlines() for case, value in json.loads(line).items()}


@pytest.mark.parametrize("case", ["adamw with averages", "sgd", "summed squares"])
def test_two_devices_take_the_steps_of_one(case: str, differences: dict[str, float]) -> None:
    # Sums in another order, over a dozen steps at rates of 1e-3.
    assert differences[case] < 1e-5


def test_two_devices_give_the_same_weights_again(differences: dict[str, float]) -> None:
    assert differences["dropout, twice"] == 0
