"""A whole run by profiles/slurm on a real Slurm: where jobs run, what they survive, and what comes out."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from workflow.project import Project, jobs_in

from cluster.slurm import Slurm
from cluster.small import EPOCHS, SAME, make

pytestmark = pytest.mark.slow

PROFILE = ("--workflow-profile", "profiles/slurm")
# As in the run on this machine; and a cluster that answers at once is asked at once.
SETTINGS = (*PROFILE, "--max-threads", "2", "--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")
SNAKEMAKE = (sys.executable, str(Path(__file__).with_name("asked_often.py")))
# A job of Slurm starts Snakemake, and again for each rule in it, which is most of its time: those before and after the
# model share one job each, and what needs no cluster to be shown is made here in the end.
BEFORE = ("cohort_matrix", "compendium", "roles", "split", "references", "normalise")
AFTER = ("predict", "calibrate", "evaluate")
LAST_ON_SLURM = "results/evaluation/deep.test.tsv"
MADE_HERE = {"compare test", "outliers test", "judge", "summarise", "bundle deep", "report"}
GROUPS = ("--groups", *(f"{rule}=before" for rule in BEFORE), *(f"{rule}=after" for rule in AFTER))
# Snakemake alone takes more than the first attempt gets. What is given here takes the place of the profile's.
SHORT_OF_MEMORY = (
    *("--set-resources", "join_network:mem_mb=1400*attempt-1300"),
    *("network:slurm_partition=gpu", "network_piece:slurm_partition=gpu"),
)
# A loaded machine may take long to start Python.
PATIENCE = 1200
PIECES = ("deep.1.1", "deep.1.2")


@dataclass(frozen=True)
class OnSlurm:
    """A run on the cluster, and what Slurm says of its jobs."""

    project: Project
    # The states of the two trainings that were disturbed, and how the call ended that had started them.
    disturbed: dict[str, str]
    first_call: int
    # The jobs of the second call, which went on to the end of what is made on the cluster.
    jobs: dict[str, dict[str, str]]
    # What the third call printed, which made the rest on this machine.
    printed: str


def start(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    log = (project.root / "printed").open("wb")
    return subprocess.Popen(
        [*SNAKEMAKE, *SETTINGS, *arguments],
        cwd=project.root,
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def run(project: Project, *arguments: str) -> None:
    """Run on the cluster to the end."""
    process = start(project, *arguments)
    try:
        returncode = process.wait(PATIENCE)
    finally:
        process.kill()
    assert returncode == 0, (project.root / "printed").read_text()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], printed: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, printed.read_text()
        assert time.monotonic() < deadline, printed.read_text()
        time.sleep(0.2)


def log_of(project: Project, piece: str) -> str:
    file = project.root / "results" / "logs" / "network_piece" / f"{piece}.log"
    return file.read_text() if file.exists() else ""


def job_of(cluster: Slurm, piece: str) -> str:
    """Return the number of the job that trains a piece now."""
    named = f"rule_network_piece_wildcards__{piece.replace('.', '_', 1)}"
    (job,) = [number for number, comment in cluster.jobs("RUNNING").items() if comment == named]
    return job


def disturbed_trainings(cluster: Slurm, project: Project, process: subprocess.Popen[bytes]) -> dict[str, str]:
    """Cancel one training and let the other one's time end, and return their jobs."""
    trainings = {}
    for piece, disturb in zip(PIECES, (cluster.cancel, cluster.end_now), strict=True):
        wait_for(lambda piece=piece: "epoch 10 of" in log_of(project, piece), process, project.root / "printed")
        trainings[piece] = job_of(cluster, piece)
        disturb(trainings[piece])
    return trainings


@pytest.fixture(scope="module")
def run_there(cluster: Slurm, tmp_path_factory: pytest.TempPathFactory) -> OnSlurm:
    """Run to the end in three calls: in the first, one training is cancelled and the other one's time ends."""
    project = make(tmp_path_factory.mktemp("there") / "project")
    process = start(project, *GROUPS, "--restart-times", "0", "--keep-going", "results/models/deep/weights.h5")
    try:
        trainings = disturbed_trainings(cluster, project, process)
        first_call = process.wait(PATIENCE)
    finally:
        process.kill()
    disturbed = {piece: cluster.details(job)["JobState"] for piece, job in trainings.items()}
    before = set(cluster.jobs())
    run(project, LAST_ON_SLURM, *GROUPS, *SHORT_OF_MEMORY)
    jobs = {job: cluster.details(job) for job in cluster.jobs() if job not in before}
    return OnSlurm(project, disturbed, first_call, jobs, project.run())


def test_a_cancelled_training_and_one_whose_time_ended_go_on_from_their_checkpoints(run_there: OnSlurm) -> None:
    assert run_there.first_call == 1
    assert run_there.disturbed == {"deep.1.1": "CANCELLED", "deep.1.2": "TIMEOUT"}
    for piece in PIECES:
        (epoch,) = re.findall(r"going on after epoch (\d+)", log_of(run_there.project, piece))
        assert 1 <= int(epoch) < EPOCHS


def test_trainings_have_a_card_in_the_partition_of_cards_and_other_jobs_have_none(run_there: OnSlurm) -> None:
    trained = 0
    for details in run_there.jobs.values():
        if details["Comment"].startswith("rule_network_piece"):
            trained += 1
            assert (details["Partition"], details["TresPerJob"]) == ("gpu", "gres:gpu:1")
        else:
            assert details["Partition"] == "cpu"
            assert "gpu" not in details.get("TresPerJob", "") + details.get("TresPerNode", "")
    assert trained == 2
    for piece in PIECES:
        assert re.search(r"CUDA_VISIBLE_DEVICES", log_of(run_there.project, piece))


def test_a_job_that_runs_out_of_memory_is_granted_more_and_passes(run_there: OnSlurm) -> None:
    joined = {
        job: (details["MinMemoryNode"], details["JobState"])
        for job, details in run_there.jobs.items()
        if details["Comment"].startswith("rule_join_network")
    }
    first, second = sorted(joined, key=int)
    assert joined == {first: ("100M", "FAILED"), second: ("1500M", "COMPLETED")}
    (log,) = (run_there.project.root / "results" / "logs" / "slurm").glob(f"**/{first}.log")
    assert "exceeded memory limit" in log.read_text()


def test_results_are_those_of_a_run_on_this_machine_to_the_bit(run_there: OnSlurm, run_here: Project) -> None:
    for name in SAME:
        here, there = (project.root / "results" / name for project in (run_here, run_there.project))
        assert here.read_bytes() == there.read_bytes(), name


def test_a_run_begun_on_the_cluster_is_ended_on_this_machine(run_there: OnSlurm) -> None:
    assert jobs_in(run_there.printed) == MADE_HERE


def test_a_finished_run_is_finished_on_the_cluster_whoever_made_it(run_there: OnSlurm, run_here: Project) -> None:
    # Other resources rerun nothing either.
    others = ("--set-resources", "network_piece:mem_mb=9000", "network_piece:slurm_partition=cpu", "split:runtime=9")
    assert run_there.project.planned(*PROFILE, "--max-threads", "1", *others) == set()
    assert run_here.planned(*PROFILE) == set()


def test_a_changed_setting_reruns_exactly_what_depends_on_it(run_there: OnSlurm, tmp_path: Path) -> None:
    project = run_there.project.copy(tmp_path / "project")
    project.change_config(lambda config: config["evaluation"].update(coverage=0.8))
    tested = {"calibrate deep", "evaluate deep.test"}
    assert project.planned(*PROFILE) == {*tested, "summarise", "judge", "bundle deep", "report"}
    project.change_config(lambda config: config["split"].update(seed=2))
    trained = {"network_piece deep.1.1", "network_piece deep.1.2", "join_network deep"}
    predicted = {"predict deep.calibrate", "predict deep.test"}
    # The cohorts, the compendium and the roles of genes stay.
    expected = {"split", "references", "normalise"} | trained | predicted | tested | MADE_HERE
    assert project.planned(*PROFILE) == expected
