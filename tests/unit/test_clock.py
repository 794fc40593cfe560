"""A clock that goes back: results keep their order, and a job that ends meanwhile fails."""

import os
import time
from pathlib import Path

import pytest

from landex.clock import check_clock, follow_clock, seconds_behind
from landex.errors import UserError

HOUR = 3600


def set_time(path: Path, seconds_from_now: float) -> None:
    when = time.time() + seconds_from_now
    os.utime(path, (when, when))


def test_a_clock_that_goes_on_is_followed_and_says_nothing(tmp_path: Path) -> None:
    seen = tmp_path / "clock"
    assert follow_clock(seen, [tmp_path]) == ""
    set_time(seen, -HOUR)
    check_clock(seen)
    assert time.time() - seen.stat().st_mtime < 60


def test_results_are_set_back_in_their_order(tmp_path: Path) -> None:
    seen, results = tmp_path / "clock", tmp_path / "results"
    (results / "deep").mkdir(parents=True)
    ages = {"first": HOUR - 100, "second": HOUR - 50, "deep/third": HOUR}
    for name, after in ages.items():
        (results / name).touch()
        set_time(results / name, after)
    (results / "link").symlink_to("not there")
    seen.touch()
    set_time(seen, HOUR)
    before = {name: (results / name).stat().st_mtime for name in ages}
    assert follow_clock(seen, [results, tmp_path / "missing"]) == (
        "the clock went back by 60 min; the times of all results were set back by as much"
    )
    after = {name: (results / name).stat().st_mtime for name in ages}
    shifts = [before[name] - after[name] for name in ages]
    assert shifts == pytest.approx([HOUR] * 3, abs=30)
    assert max(shifts) - min(shifts) < 1e-3
    assert max(after.values()) <= time.time()
    assert follow_clock(seen, [results]) == ""


def test_a_job_that_ends_after_the_clock_went_back_fails_until_it_was_followed(tmp_path: Path) -> None:
    seen = tmp_path / "clock"
    seen.touch()
    set_time(seen, HOUR)
    for _ in range(2):
        with pytest.raises(UserError, match="the clock went back by 60 min while the workflow was running; run again"):
            check_clock(seen)
    follow_clock(seen, [])
    check_clock(seen)


def test_clocks_that_differ_by_seconds_are_no_matter(tmp_path: Path) -> None:
    seen = tmp_path / "clock"
    seen.touch()
    set_time(seen, 4)
    assert seconds_behind(seen) == 0
    # The newest time stays, so that small steps add up.
    assert seen.stat().st_mtime > time.time() + 1
