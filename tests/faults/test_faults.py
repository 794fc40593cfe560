"""Faults of machines and of users in mid-run: the same numbers in the end, or one clear line."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.compared import differences, results_of
from faults.kill import Undisturbed, kill_runs, started, wait_for_a_job
from workflow.chain import NOTHING, after
from workflow.changes import setting
from workflow.project import Finished, Project

from landex.checksums import check, checksum
from landex.errors import UserError

# A network with its checkpoints, a baseline, and all that both stand on: the cohorts, split and references.
TARGETS = ("results/evaluation/deep.test.tsv", "results/evaluation/ridge.kidney.tsv")


def lines_of_landex(printed: str) -> list[str]:
    return [line.strip() for line in printed.splitlines() if line.strip().startswith("landex: ")]


def half_written(project: Project) -> list[str]:
    return [str(path) for path in (project.root / "results").rglob("*.partial*") if path.is_file()]


def with_times(path: Path, change: Callable[[Path], object]) -> None:
    """Change a file and keep its times, as a disk that fails does."""
    status = path.stat()
    change(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def test_a_run_that_is_killed_and_ended_at_random_moments_ends_with_the_same_numbers(
    new: Project, finished: Finished, tmp_path: Path
) -> None:
    # In the order of the chain: each begins where the one before was killed.
    rules = ("cohort_matrix", "compendium", "normalise", "network", "evaluate")
    told = kill_runs(new, Undisturbed.read(finished.project), 5, 7, tmp_path, TARGETS, rules)
    assert told.wrong == []
    assert told.kills == 5


@pytest.mark.parametrize("damage", [flip, cut])
def test_no_damaged_result_is_read(
    finished: Finished, tmp_path: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of result, damaged with its times kept, is refused by the job that reads it, before it reads it."""
    project = finished.project.copy(tmp_path / "project")
    monkeypatch.chdir(project.root)
    for file in sorted(results_of(Path("results"))):
        with_times(Path("results", file), damage)
        with pytest.raises(UserError, match="not as its job left it"):
            check([f"results/{file}"])


def test_a_damaged_result_stops_the_jobs_that_read_it_and_is_made_again(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    # One that nothing reads but the jobs that are asked for.
    damaged = project.root / "results" / "predictions" / "ridge.test.h5"
    with_times(damaged, flip)
    target = "results/evaluation/ridge.test.tsv"
    (project.root / target).unlink()
    ended = project.snakemake("--cores", "2", target)
    assert ended.returncode == 1
    assert lines_of_landex(ended.stdout) == [
        "landex: results/predictions/ridge.test.h5: not as its job left it (its checksum differs): damaged, or changed "
        "by hand; delete it and run again"
    ]
    damaged.unlink()
    project.run(target)
    assert differences(project.root / "results", finished.project.root / "results", (target,)) == []


def test_results_made_again_after_the_clock_went_back_leave_nothing_stale(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    # As if everything had been made in an hour's time, by a clock that was then put right.
    later = 3600 * 10**9
    for path in [*(project.root / "results").rglob("*"), *(project.root / "resources" / "downloads").rglob("*")]:
        status = path.lstat()
        os.utime(path, ns=(status.st_atime_ns + later, status.st_mtime_ns + later), follow_symlinks=False)
    clock = project.root / ".snakemake" / "landex-clock"
    os.utime(clock, ns=(time.time_ns() + later, time.time_ns() + later))
    setting("split", "seed", to=2)(project)
    # The split is made again, and the run ends before what stands on it.
    printed = project.run("results/split/split.tsv")
    assert "landex: the clock went back by 60 min; the times of all results were set back by as much" in printed
    assert project.planned() == after("split") - {"split"}


def test_a_copy_without_its_times_reruns_nothing(finished: Finished, tmp_path: Path) -> None:
    copy = Project(Path(shutil.copytree(finished.project.root, tmp_path / "copy", copy_function=shutil.copyfile)))
    assert copy.planned() == NOTHING


def test_results_without_their_records_are_not_taken_for_fresh(
    finished: Finished, new: Project, tmp_path: Path
) -> None:
    project = new.copy(tmp_path / "project")
    setting("split", "seed", to=2)(project)
    shutil.copytree(finished.project.root / "results", project.root / "results")
    ended = project.snakemake("--dry-run")
    assert ended.returncode == 1
    (line,) = lines_of_landex(ended.stdout)
    assert line.startswith("landex: results/ was made elsewhere")


def test_a_second_snakemake_is_refused_and_harms_nothing(new: Project, finished: Finished, tmp_path: Path) -> None:
    project = new.copy(tmp_path / "project")
    target = "results/split/split.tsv"
    with started(project, tmp_path / "log", target) as process:
        wait_for_a_job(tmp_path / "log", process)
        second = project.snakemake("--cores", "1", target)
        assert second.returncode == 1
        assert "cannot be locked" in " ".join(second.stdout.split())
        assert process.wait(300) == 0
    assert differences(project.root / "results", finished.project.root / "results", (target,)) == []


def test_code_that_changes_while_the_workflow_runs_stops_it(new: Project, finished: Finished, tmp_path: Path) -> None:
    project = new.copy(tmp_path / "project")
    module = project.root / "workflow" / "scripts" / "landex" / "parts.py"
    text = module.read_text(encoding="utf-8")
    target = "results/split/split.tsv"
    with started(project, tmp_path / "log", target) as process:
        wait_for_a_job(tmp_path / "log", process)
        module.write_text(f"{text}\nPARTS = ()\n", encoding="utf-8")
        assert process.wait(300) == 1
    assert "landex: landex's code changed while the workflow was running" in (tmp_path / "log").read_text()
    module.write_text(text, encoding="utf-8")
    project.run(target)
    assert differences(project.root / "results", finished.project.root / "results", (target,)) == []


def test_settings_that_change_while_the_workflow_runs_count_at_the_next_call(
    new: Project, finished: Finished, tmp_path: Path
) -> None:
    project = new.copy(tmp_path / "project")
    target = "results/split/split.tsv"
    with started(project, tmp_path / "log", target) as process:
        wait_for_a_job(tmp_path / "log", process)
        setting("split", "seed", to=2)(project)
        assert process.wait(300) == 0
    # What ran is what was planned, and the next call knows that it is another.
    assert differences(project.root / "results", finished.project.root / "results", (target,)) == []
    assert project.planned(target) == {"split"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount and remount a file system of its own with options; where that is not allowed, skip."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        again = "remount," if mounted else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("mount") else None
        if done is None or done.returncode:
            pytest.skip(f"no file system can be mounted here ({done.stderr.strip() if done else 'no mount'})")
        mounted = True
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_ends_the_run_and_with_room_it_goes_on(
    new: Project, finished: Finished, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    project = new.copy(tmp_path / "project")
    (project.root / "results").symlink_to(disk("size=300k"))
    # Each size is enough for some stages more.
    for size in ("300k", "1900k"):
        disk(f"size={size}")
        ended = project.snakemake("--cores", "2", *TARGETS)
        assert ended.returncode == 1
        assert [line for line in lines_of_landex(ended.stdout) if "no room on the disk" in line], ended.stdout
        assert "Traceback" not in ended.stdout
        assert half_written(project) == []
    disk("size=200m")
    project.run(*TARGETS)
    assert differences(project.root / "results", finished.project.root / "results", TARGETS) == []


def test_results_that_cannot_be_written_are_one_line(
    finished: Finished, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    project = finished.project.copy(tmp_path / "project")
    place = disk("size=300m")
    shutil.copytree(project.root / "results", place, dirs_exist_ok=True)
    shutil.rmtree(project.root / "results")
    (project.root / "results").symlink_to(place)
    before = {path: checksum(path) for path in place.rglob("*") if path.is_file()}
    disk("ro,size=300m")
    setting("split", "seed", to=2)(project)
    ended = project.snakemake("--cores", "1", "results/split/split.tsv")
    assert ended.returncode == 1
    # Snakemake looks before it starts a job.
    assert "Write-protected output files for rule split" in ended.stdout
    disk("rw,size=300m")
    assert {path: checksum(path) for path in place.rglob("*") if path.is_file()} == before
