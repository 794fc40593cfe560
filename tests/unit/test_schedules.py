import numpy as np
import pytest
from network_settings import settings_of

from landex.networks.schedules import decayed, learning_rates


def test_the_cosine_rises_over_its_warm_up_and_falls_to_0() -> None:
    settings = settings_of("deep", learning_rate=2.0, warmup=0.2)
    # Two steps up, then half a cosine over eight.
    falling = [1 + np.cos(np.pi * step / 8) for step in range(1, 9)]
    assert learning_rates(settings, 10).tolist() == pytest.approx([1, 2, *falling], abs=1e-6)


def test_rates_of_some_steps_are_those_of_the_whole_training() -> None:
    settings = settings_of("deep")
    np.testing.assert_array_equal(learning_rates(settings, 40, 7, 5), learning_rates(settings, 40)[7:12])


@pytest.mark.parametrize("schedule", ["constant", "decay_on_rise"])
def test_other_schedules_start_from_one_rate(schedule: str) -> None:
    assert learning_rates(settings_of("deep", schedule=schedule), 5).tolist() == pytest.approx([1e-3] * 5)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        # Rises are seen after the epochs 2, 4 and 5.
        (5e-4, [5e-4, 5e-4, 4.5e-4, 4.5e-4, 4.05e-4, 3.645e-4, 3.645e-4]),
        (1.15e-5, [1.15e-5, 1.15e-5, 1.035e-5, 1.035e-5, 1e-5, 1e-5, 1e-5]),
        # A rate that begins below the floor is never raised.
        (4e-6, [4e-6] * 7),
    ],
)
def test_the_rate_falls_by_a_tenth_at_every_rise_down_to_its_floor(start: float, expected: list[float]) -> None:
    errors = [0.9, 1.0, 0.8, 0.81, 0.82, 0.82, 0.7]
    rates = [start]
    for epoch in range(1, 7):
        rates.append(decayed(rates[-1], errors[:epoch]))
    assert rates == pytest.approx(expected, rel=1e-6)
