"""SIGTERM, a full disk, a disk that may only be read and damaged inputs, at each stage in turn."""

import os
import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.kill import Undisturbed
from faults.stages import Ended, Stage, all_rules, can_mount, fill, lay_out, mounted, remount, stages_of
from workflow.project import Finished

pytestmark = pytest.mark.slow

# It has the script, the inputs and the outputs of `infer`, and one output more of the same kind.
NOT_IN_THE_RUN = {"infer_with_intervals"}
RULES = sorted(set(all_rules()) - NOT_IN_THE_RUN)
# Results are some MB.
ROOM = "size=300m"


@dataclass
class Outcome:
    """What became of one job; of a fault that could not be made here, nothing."""

    stage: Stage
    damaged: tuple[str, Ended] | None = None
    read_only: Ended | None = None
    full: Ended | None = None
    left_by_full: tuple[str, ...] = ()
    wrong_after_full: tuple[str, ...] = ()
    terminated: Ended | None = None
    wrong_after_sigterm: tuple[str, ...] = ()
    again: Ended | None = None
    left_in_the_end: tuple[str, ...] = ()
    wrong_in_the_end: tuple[str, ...] = ()


def damage(path: Path, way: int) -> None:
    """Flip a bit or cut the end, and keep the times, as a disk that fails does."""
    status, content = path.stat(), bytearray(path.read_bytes())
    if way:
        content[len(content) // 2] ^= 4
    else:
        del content[-1:]
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def damaged_input(stage: Stage, root: Path, chance: random.Random) -> tuple[str, Ended] | None:
    """Run a job with one of the results that it reads damaged, and put that right."""
    if not stage.results:
        return None
    name = chance.choice(stage.results)
    path = root / name
    status, content = path.stat(), path.read_bytes()
    damage(path, chance.randrange(2))
    ended = stage.run(root)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return name, ended


def suffer(stage: Stage, finished: Finished, folder: Path, seconds: float, mountable: bool) -> Outcome:
    """Let one job suffer every fault in turn and run undisturbed in the end."""
    chance = random.Random(stage.rule)
    outcome, undisturbed = Outcome(stage), finished.project.root
    folder.mkdir()
    place = folder / "disk"
    place.mkdir()
    with mounted(place, ROOM) if mountable else nullcontext():
        root = lay_out(finished.project, folder / "project", place)
        outcome.damaged = damaged_input(stage, root, chance)
        if mountable:
            remount(place, "ro")
            outcome.read_only = stage.run(root)
            remount(place, f"rw,{ROOM}")
            stage.remove_outputs(root)
            fill(place)
            outcome.full = stage.run(root)
            outcome.left_by_full = tuple(stage.half_written(root))
            outcome.wrong_after_full = tuple(stage.wrong(root, undisturbed, all_there=False))
            remount(place, ROOM)
        stage.remove_outputs(root)
        outcome.terminated = stage.signalled(root, chance.uniform(0, seconds))
        outcome.wrong_after_sigterm = tuple(stage.wrong(root, undisturbed, all_there=False))
        stage.remove_outputs(root)
        outcome.again = stage.run(root)
        outcome.left_in_the_end = tuple(stage.half_written(root))
        outcome.wrong_in_the_end = tuple(stage.wrong(root, undisturbed))
    return outcome


@pytest.fixture(scope="module")
def cannot_mount(tmp_path_factory: pytest.TempPathFactory) -> str:
    return can_mount(tmp_path_factory.mktemp("mount"))


@pytest.fixture(scope="module")
def outcomes(
    finished: Finished, cannot_mount: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """What became of a job of each rule, two at a time."""
    folder, stages = tmp_path_factory.mktemp("stages"), stages_of(finished.project)
    seconds = Undisturbed.read(finished.project).seconds
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {
            rule: pool.submit(suffer, stage, finished, folder / rule, seconds.get(rule, 2), not cannot_mount)
            for rule, stage in stages.items()
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture(params=RULES)
def outcome(request: pytest.FixtureRequest, outcomes: dict[str, Future[Outcome]]) -> Outcome:
    return outcomes[request.param].result()


def said_by_a_failed(ended: Ended) -> str:
    """Return the one line that a job says where it fails for a reason that it knows."""
    assert ended.code == 1
    assert not ended.has_traceback, ended.said
    (line,) = ended.lines
    return line


def test_a_damaged_input_is_named_and_not_read(outcome: Outcome) -> None:
    if outcome.damaged is None:
        assert not outcome.stage.results
        return
    name, ended = outcome.damaged
    assert said_by_a_failed(ended).startswith(f"landex: {name}: not as its job left it")


def test_results_that_may_only_be_read_are_one_line(outcome: Outcome, cannot_mount: str) -> None:
    if outcome.read_only is None:
        pytest.skip(cannot_mount)
    assert "may not be read or written" in said_by_a_failed(outcome.read_only)


def test_a_full_disk_is_one_line_and_nothing_is_half_written(outcome: Outcome, cannot_mount: str) -> None:
    if outcome.full is None:
        pytest.skip(cannot_mount)
    line = said_by_a_failed(outcome.full)
    # A download passes on what the system said.
    assert "no room on the disk" in line or "No space left on device" in line
    assert outcome.left_by_full == ()
    assert outcome.wrong_after_full == ()


def test_sigterm_leaves_nothing_that_looks_finished_and_is_not(outcome: Outcome) -> None:
    assert outcome.terminated is not None
    # It may have come a moment too late.
    if outcome.terminated.code != 0:
        assert not outcome.terminated.has_traceback, outcome.terminated.said
    assert outcome.wrong_after_sigterm == ()


def test_the_job_run_again_leaves_the_numbers_of_an_undisturbed_run_and_no_leftovers(outcome: Outcome) -> None:
    assert outcome.again is not None
    assert outcome.again.code == 0, outcome.again.said
    assert outcome.wrong_in_the_end == ()
    assert outcome.left_in_the_end == ()
