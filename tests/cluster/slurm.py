"""A Slurm cluster of one node on loopback: real daemons, pretended cards, enforced memory, no accounting database.

It needs neither systemd nor cgroups. Only one can be up on a machine. What a killed test left behind, daemons, jobs and
settings, is ended and removed before the next one starts.

Needs root and Debian's packages slurm-wlm and munge. By hand, from the repository's root:
`PYTHONPATH=tests bin/python -m cluster.slurm` keeps one up until it is interrupted.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# Slurm's commands look here. Jobs of Snakemake's executor lose SLURM_CONF, so that another place does not do.
SETTINGS = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
# A loaded machine may take long to start a daemon or to end one.
PATIENCE = 60
# All that a cluster starts inherits this variable, by which it is found again: daemons, jobs, and Snakemake.
MARK = "LANDEX_TEST_CLUSTER"
# Held by the process whose cluster is up; a killed one's lock is gone with it.
LOCK = Path(tempfile.gettempdir(), "landex-slurm.lock")
PREFIX = "landex-slurm-"


@dataclass(frozen=True)
class Size:
    """What the node says that it has. Jobs share the real cores: most of their time is the start of Python."""

    cpus: int = 4
    cards: int = 2
    memory_mb: int = 16_000


def missing() -> str:
    """Say why no Slurm can be started here; empty where one can."""
    absent = [name for name in PROGRAMS if not shutil.which(name, path=_path())]
    if absent:
        return f"Slurm is not installed ({', '.join(absent)}): apt-get install slurm-wlm munge"
    if os.geteuid():
        return "starting Slurm's daemons needs root"
    if SETTINGS.is_dir() and not os.access(SETTINGS, os.W_OK):
        return f"{SETTINGS} may not be written"
    taken = [str(SETTINGS / name) for name in FILES if _is_anothers(SETTINGS / name)]
    return f"{' and '.join(taken)}: this machine has a Slurm of its own, which is left alone" if taken else ""


@contextmanager
def slurm(size: Size = Size()) -> Iterator["Slurm"]:
    """Start a cluster, and end it with all its jobs."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError("another process has a test cluster up on this machine; wait for its end") from error
        remove_leftovers()
        with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
            cluster = Slurm(Path(folder))
            os.environ[MARK] = folder
            try:
                cluster.start(size)
                yield cluster
            finally:
                cluster.stop()
                del os.environ[MARK]


def remove_leftovers() -> None:
    """End what is left of clusters whose tests were killed, and remove their settings and folders."""
    _kill_marked()
    for name in FILES:
        link = SETTINGS / name
        if link.is_symlink() and link.readlink().parent.name.startswith(PREFIX):
            link.unlink()
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/"):
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Slurm:
    """A cluster whose files lie in a folder."""

    folder: Path

    def start(self, size: Size) -> None:
        """Start the daemons and wait until the node takes jobs."""
        # Daemons of other users than root read here.
        self.folder.chmod(0o755)
        for name in ("state", "spool", "log"):
            (self.folder / name).mkdir()
        (self.folder / "munge").mkdir(mode=0o700)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self._write_settings(size)
        self._daemon(
            "munged",
            "--force",
            f"--key-file={key}",
            f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid",
            f"--seed-file={self.folder}/munge/seed",
            f"--log-file={self.folder}/log/munged.log",
        )
        self._daemon("slurmctld", "-f", f"{self.folder}/slurm.conf")
        self._daemon("slurmd", "-f", f"{self.folder}/slurm.conf", "-N", _host())
        self._wait_for_node()

    def stop(self) -> None:
        """End all jobs and daemons, and take the settings away."""
        subprocess.run(["scancel", "--user=root"], capture_output=True, check=False)
        _wait(lambda: not self.jobs("PENDING", "RUNNING", "COMPLETING"), at_most=20)
        for name in ("slurmd", "slurmctld", "munged"):
            self._end(name)
        _kill_marked()
        for name in FILES:
            if (SETTINGS / name).is_symlink() and (SETTINGS / name).readlink() == self.folder / name:
                (SETTINGS / name).unlink()

    def jobs(self, *states: str) -> dict[str, str]:
        """Return the comments of the jobs in some states, by default in any; the executor writes rule and wildcards."""
        wanted = ",".join(states) or "all"
        lines = _output("squeue", "--noheader", f"--states={wanted}", "--format=%i|%k").splitlines()
        return dict(line.strip().split("|", 1) for line in lines)

    def details(self, job: str) -> dict[str, str]:
        """Return what Slurm says of a job: Partition, JobState, TimeLimit, TresPerNode and more."""
        words = _output("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def cancel(self, job: str) -> None:
        """Cancel a job as its owner does."""
        _output("scancel", job)

    def end_now(self, job: str) -> None:
        """Let a running job's time end. Limits are in minutes and looked at twice a minute: until then it is held."""
        for process in _processes_of(job):
            os.kill(process, signal.SIGSTOP)
        # Before it kills, Slurm lets the processes go on and sends them SIGTERM.
        _output("scontrol", "update", f"JobId={job}", "EndTime=now+1")

    def _write_settings(self, size: Size) -> None:
        control, node = _free_ports()
        (self.folder / "slurm.conf").write_text(
            f"""
            ClusterName=landex
            SlurmctldHost={_host()}(127.0.0.1)
            SlurmUser=root
            SlurmdUser=root
            AuthType=auth/munge
            AuthInfo=socket={self.folder}/munge.socket
            CredType=cred/munge
            SlurmctldPort={control}
            SlurmdPort={node}
            SlurmctldPidFile={self.folder}/slurmctld.pid
            SlurmdPidFile={self.folder}/slurmd.pid
            SlurmctldLogFile={self.folder}/log/slurmctld.log
            SlurmdLogFile={self.folder}/log/slurmd.log
            StateSaveLocation={self.folder}/state
            SlurmdSpoolDir={self.folder}/spool
            # The node has the processors that it is said to have, not those that the daemon finds.
            SlurmdParameters=config_overrides
            # A container has neither systemd nor cgroups that may be written: memory is looked at every second.
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            JobAcctGatherType=jobacct_gather/linux
            JobAcctGatherFrequency=task=1
            JobAcctGatherParams=OverMemoryKill,UsePss
            MpiDefault=none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_Core_Memory
            GresTypes=gpu
            SchedulerType=sched/backfill
            # A cluster of many jobs looks at its queue now and then; this one does so at once.
            SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
            # Without an accounting database squeue has to remember the jobs that have ended.
            AccountingStorageType=accounting_storage/none
            JobCompType=jobcomp/none
            MinJobAge=3600
            ReturnToService=2
            # Seconds between SIGTERM and SIGKILL.
            KillWait=5
            NodeName={_host()} NodeAddr=127.0.0.1 Port={node} CPUs={size.cpus} Boards=1 SocketsPerBoard=1 \
CoresPerSocket={size.cpus} ThreadsPerCore=1 RealMemory={size.memory_mb} Gres=gpu:pretended:{size.cards} State=UNKNOWN
            PartitionName=cpu Nodes={_host()} Default=YES MaxTime=UNLIMITED DefaultTime=10 State=UP
            PartitionName=gpu Nodes={_host()} MaxTime=UNLIMITED DefaultTime=10 State=UP
            """.replace("            ", "")
        )
        # A pretended card is a device whose name ends in its number.
        for number in range(size.cards):
            (self.folder / f"card{number}").symlink_to("/dev/null")
        cards = f"{self.folder}/card[0-{size.cards - 1}]"
        (self.folder / "gres.conf").write_text(
            f"AutoDetect=off\nNodeName={_host()} Name=gpu Type=pretended Flags=nvidia_gpu_env File={cards}\n"
        )
        SETTINGS.mkdir(exist_ok=True)
        for name in FILES:
            (SETTINGS / name).unlink(missing_ok=True)
            (SETTINGS / name).symlink_to(self.folder / name)

    def _daemon(self, name: str, *arguments: str) -> None:
        ended = subprocess.run(
            [str(shutil.which(name, path=_path())), *arguments], capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise RuntimeError(f"{name} did not start: {ended.stdout}{ended.stderr}{self._logs()}")

    def _wait_for_node(self) -> None:
        def is_ready() -> bool:
            found = subprocess.run(
                ["sinfo", "-h", "-o", "%T", "-p", "cpu"], capture_output=True, text=True, check=False
            )
            return found.stdout.strip() in ("idle", "mixed", "allocated")

        if not _wait(is_ready):
            raise RuntimeError(f"the node does not take jobs{self._logs()}")

    def _logs(self) -> str:
        logs = sorted((self.folder / "log").iterdir())
        return "".join(f"\n{log.name}: {log.read_text()[-2000:]}" for log in logs)

    def _end(self, name: str) -> None:
        file = self.folder / f"{name}.pid"
        if not file.exists():
            return
        process = int(file.read_text())
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not _is_alive(process):
                return
            os.kill(process, number)
            _wait(lambda: not _is_alive(process))


def _path() -> str:
    """Return the folders of programs, those of daemons too, which a user's own may lack."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _is_anothers(file: Path) -> bool:
    """Tell whether settings are not of these tests; those of a killed test are."""
    if file.is_symlink():
        return file.exists() and not file.readlink().parent.name.startswith(PREFIX)
    return os.path.lexists(file)


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _is_alive(process: int) -> bool:
    """Tell whether a process runs; in a container the dead may stay on as zombies, because nobody asks for them."""
    try:
        status = Path("/proc", str(process), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _kill_marked() -> None:
    """Kill all that a cluster started; daemons first, so that they start nothing anew."""

    def daemons_first(process: int) -> bool:
        with suppress(OSError):
            return not Path("/proc", str(process), "comm").read_text().startswith("slurm")
        return True

    def marked() -> list[int]:
        processes = {*_processes_with(_is_mark), *_processes_in_folders()}
        return [process for process in processes if process != os.getpid() and _is_alive(process)]

    while found := sorted(marked(), key=daemons_first):
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _wait(lambda found=found: not any(map(_is_alive, found)))


def _is_mark(pair: bytes) -> bool:
    # Jobs that were sent from elsewhere know the cluster by its settings.
    return pair.startswith(f"{MARK}=".encode()) or (pair.startswith(b"SLURM_CONF=") and PREFIX.encode() in pair)


def _processes_in_folders() -> list[int]:
    """Return the processes that work in a cluster's folder: those that Slurm starts to watch over a job."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and f"/{PREFIX}" in str((folder / "cwd").readlink()):
                found.append(int(folder.name))
    return found


def _processes_with(is_meant: Callable[[bytes], bool]) -> list[int]:
    """Return the processes that were started with a `NAME=value` in their environment that is meant."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0") if folder.name.isdigit() else []
            if any(map(is_meant, environment)):
                found.append(int(folder.name))
    return found


def _processes_of(job: str) -> list[int]:
    """Return the processes of a job that run a rule's script."""
    processes = _processes_with(f"SLURM_JOB_ID={job}".encode().__eq__)
    return [number for number in processes if b"/scripts/tmp" in Path("/proc", str(number), "cmdline").read_bytes()]


def _wait(condition: Callable[[], bool], at_most: float = PATIENCE) -> bool:
    """Wait until something holds; tell whether it does."""
    deadline = time.monotonic() + at_most
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    if reason := missing():
        sys.exit(reason)
    with slurm() as cluster:
        print(f"Slurm is up; its files are in {cluster.folder}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with suppress(KeyboardInterrupt):
            signal.pause()
