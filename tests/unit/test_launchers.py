"""The launchers in bin/: they make .venv once, repair it, and hand their arguments on.

Every test has a project of its own with a copy of bin/, two small locks, an empty HOME and a PATH that holds a few
POSIX tools, this Python and what the test adds. A stand-in for uv takes the place of minutes of installing, one for
uname the place of this machine, and a file that is not there the place of an NVIDIA driver.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

LAUNCHERS = Path(__file__).resolve().parents[2] / "bin"
TOOLS = ["cat", "cmp", "cp", "dirname", "grep", "ln", "mkdir", "mv", "readlink", "rm", "sleep", "tail"]
REAL_PYTHON = Path(sys.executable).resolve()
PRINT_ARGUMENTS = "import json, os, sys; print(json.dumps([os.getcwd(), *sys.argv[1:]]))"
AWKWARD = ["two words", "*", "$HOME", "", "-n", "a'b\"c", "\\", "ä\nb"]

FAKE_UV = """#!/bin/sh
echo "$*" >>"{calls}"
case $1 in
venv) mkdir -p "$4/bin" && ln -s "$3" "$4/bin/python" ;;
pip) {install} ;;
*) exit 1 ;;
esac
"""


MAKING = "landex: making .venv (once, about 3 minutes) ...\n"
MAKING_WITH_CUDA = "landex: making .venv with CUDA: {} (once, 7 GB, about 5 minutes) ...\n"
MAKING_WITHOUT_CUDA = "landex: making .venv without CUDA: {} (once, about 3 minutes) ...\n"
DRIVER_IS_THERE = "there is an NVIDIA driver, and LANDEX_GPU is not 0"
DRIVER_OF_THIS_MACHINE = "landex_driver=/proc/driver/nvidia/version"
CUDA, NO_CUDA = "requirements-gpu.lock", "requirements.lock"


class Called(NamedTuple):
    """What a launcher gave."""

    code: int
    output: str
    errors: str


def heed_interrupts() -> None:
    """Where the tests run in a shell's background, Ctrl-C is ignored, and a child would ignore it too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Project:
    """A folder with a copy of bin/, and the environment in which its launchers are called."""

    def __init__(self, folder: Path, requirements: str = "# nothing\n") -> None:
        self.root = folder / "a project"
        self.path = folder / "path"
        self.calls = folder / "uv calls"
        self.driver = folder / "driver"
        home = folder / "home"
        for made in (self.root, self.path, home):
            made.mkdir()
        shutil.copytree(LAUNCHERS, self.root / "bin")
        sourced = self.root / "bin" / ".environment.sh"
        text = sourced.read_text()
        assert DRIVER_OF_THIS_MACHINE in text
        sourced.write_text(text.replace(DRIVER_OF_THIS_MACHINE, f"landex_driver='{self.driver}'"))
        self.require(requirements)
        self.be_a("Linux x86_64")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, f"this machine has no {tool}"
            (self.path / tool).symlink_to(found)
        self.use_python("python3", REAL_PYTHON)
        self.environment = {"HOME": str(home), "PATH": str(self.path), "PIP_CONFIG_FILE": os.devnull}

    def require(self, requirements: str) -> None:
        (self.root / NO_CUDA).write_text(requirements)
        (self.root / CUDA).write_text(f"{requirements}# and CUDA\n")

    def be_a(self, machine: str) -> None:
        """Say what uname says on a machine."""
        write_script(self.path / "uname", f"#!/bin/sh\necho {machine}\n")

    def ask(self, gpu: str | None) -> None:
        """Set LANDEX_GPU, or unset it."""
        self.environment.pop("LANDEX_GPU", None)
        self.environment |= {} if gpu is None else {"LANDEX_GPU": gpu}

    def use_python(self, name: str, python: Path | str) -> None:
        """Puts a Python on the PATH: the real one, or a shell script that stands in for one."""
        here = self.path / name
        here.unlink(missing_ok=True)
        if isinstance(python, Path):
            here.symlink_to(python)
        else:
            write_script(here, python)

    def use_uv(self, install: str = "true") -> None:
        write_script(self.path / "uv", FAKE_UV.format(calls=self.calls, install=install))

    def start(self, *arguments: str, launcher: str = "python", cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "bin" / launcher, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd or self.root,
            env=self.environment,
            preexec_fn=heed_interrupts,
        )

    def call(self, *arguments: str, launcher: str = "python", cwd: Path | None = None) -> Called:
        started = self.start(*arguments, launcher=launcher, cwd=cwd)
        output, errors = started.communicate(timeout=60)
        return Called(started.returncode, output, errors)

    def installations(self) -> int:
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return sum(call.startswith("pip install") for call in calls)

    def is_whole(self, lock: str = NO_CUDA) -> bool:
        """Whether .venv is made of this lock and no other."""
        stamps = list((self.root / ".venv").glob("*.lock"))
        return [stamp.name for stamp in stamps] == [lock] and stamps[0].read_bytes() == (self.root / lock).read_bytes()


def write_script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def python_of_version(version: str) -> str:
    return f'#!/bin/sh\necho "{version} $0"\n'


PYTHON_WITHOUT_VENV = f"""#!/bin/sh
case $2 in
*ensurepip*) exit 1 ;;
*version_info*) echo "3.12.1 $0" ;;
*) exec "{REAL_PYTHON}" "$@" ;;
esac
"""


def wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


def tool_wheel(folder: Path) -> tuple[Path, str]:
    """A wheel whose commands `pytest` and `snakemake` print their folder and arguments; and its SHA-256."""
    wheel = folder / "tool-1.0-py3-none-any.whl"
    contents = {
        "tool.py": "import json, os, sys\n\ndef main():\n"
        "    print(json.dumps([os.getcwd(), *sys.argv[1:]]))\n    return 7\n",
        "tool-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n",
        "tool-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tool-1.0.dist-info/entry_points.txt": "[console_scripts]\npytest = tool:main\nsnakemake = tool:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*contents, "tool-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**contents, "tool-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return wheel, hashlib.sha256(wheel.read_bytes()).hexdigest()


def project_with_wheel(folder: Path, *, hash_is_right: bool = True) -> Project:
    wheel, digest = tool_wheel(folder)
    project = Project(folder, f"tool==1.0 --hash=sha256:{digest if hash_is_right else '0' * 64}\n")
    project.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheel.parent.as_uri()}
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with an empty lock and a uv that installs at once."""
    made = Project(tmp_path)
    made.use_uv()
    return made


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose .venv Python's own venv and pip make at the first call, with settings that stand in the way."""
    project = project_with_wheel(tmp_path_factory.mktemp("installed"))
    project.environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PIP_USER": "1", "PIP_COMPILE": "0"}
    assert project.call("-c", PRINT_ARGUMENTS, *AWKWARD) == (
        0,
        json.dumps([str(project.root), *AWKWARD]) + "\n",
        MAKING,
    )
    assert project.is_whole()
    return project


@pytest.mark.parametrize("launcher", ["pytest", "snakemake"])
def test_tool_gets_arguments_folder_and_exit_code_unchanged(installed: Project, launcher: str, tmp_path: Path) -> None:
    called = installed.call(*AWKWARD, launcher=launcher, cwd=tmp_path)
    assert called == (7, json.dumps([str(tmp_path), *AWKWARD]) + "\n", "")


def test_installed_packages_are_compiled_where_bytecode_is_forbidden(installed: Project) -> None:
    assert len(list((installed.root / ".venv").rglob("__pycache__/tool.*.pyc"))) == 1


def test_python_passes_on_exit_code_input_and_the_callers_environment(project: Project) -> None:
    names = {"root": "1", "candidate": "2", "PYTHONDONTWRITEBYTECODE": "3", "PIP_USER": "4"}
    project.environment |= names
    program = f"import os; print([os.environ[name] for name in {list(names)}]); raise SystemExit(5)"
    code, output, _ = project.call("-c", program)
    assert (code, output) == (5, "['1', '2', '3', '4']\n")


def test_a_venv_in_order_costs_no_output_no_install_and_no_search_for_python(project: Project) -> None:
    project.call("-c", "")
    (project.path / "python3").unlink()
    assert project.call("-c", "") == (0, "", "")
    assert project.installations() == 1


def test_uv_installs_with_hashes_and_bytecode(project: Project) -> None:
    assert project.call("-c", "")[0] == 0
    venv = project.root / ".venv"
    assert project.calls.read_text().splitlines()[-2:] == [
        f"venv --python {REAL_PYTHON} {venv}",
        f"pip install --python {venv}/bin/python --require-hashes --compile-bytecode -r {venv}/installing.lock",
    ]


@pytest.mark.parametrize("target", ["{root}/bin/python", "../a project/bin/python"])
def test_launcher_finds_its_project_through_links(project: Project, tmp_path: Path, target: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "first").symlink_to(target.format(root=project.root))
    (elsewhere / "second").symlink_to("first")
    program = "import os, sys; print(os.getcwd(), sys.executable)"
    done = subprocess.run(
        [elsewhere / "second", "-c", program], cwd=tmp_path, env=project.environment, capture_output=True, text=True
    )
    assert done.stdout == f"{tmp_path} {project.root}/.venv/bin/python\n"


@pytest.mark.parametrize(
    ("folder", "command"), [(".", ["bin/python"]), ("bin", ["./python"]), ("bin", ["/bin/sh", "python"])]
)
def test_launcher_runs_by_relative_name(project: Project, folder: str, command: list[str]) -> None:
    project.environment["CDPATH"] = "/:/usr"  # where `cd bin` would go instead
    done = subprocess.run(
        [*command, "-c", "import sys; print(sys.executable)"],
        cwd=project.root / folder,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"{project.root}/.venv/bin/python\n")


def test_changed_lock_makes_venv_anew(project: Project) -> None:
    project.call("-c", "")
    (project.root / ".venv" / "old").touch()
    project.require("# something else\n")
    assert project.call("-c", "")[0] == 0
    assert project.installations() == 2
    assert project.is_whole()
    assert not (project.root / ".venv" / "old").exists()


def test_lock_changed_during_installation_is_noticed_by_the_next_call(project: Project) -> None:
    project.use_uv(install=f'echo "# edited" >>"{project.root}/requirements.lock"')
    project.call("-c", "")
    assert not project.is_whole()
    project.use_uv()
    project.call("-c", "")
    assert project.installations() == 2
    assert project.is_whole()


def test_venv_whose_python_is_gone_is_made_anew(project: Project) -> None:
    project.call("-c", "")
    link = project.root / ".venv" / "bin" / "python"
    link.unlink()
    link.symlink_to("/no/such/python3.11")
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")
    assert project.installations() == 2


def test_linked_venv_is_used_while_it_matches_and_never_emptied(project: Project, tmp_path: Path) -> None:
    project.call("-c", "")
    shared = tmp_path / "shared"
    (project.root / ".venv").rename(shared)
    (project.root / ".venv").symlink_to(shared)
    assert project.call("-c", "") == (0, "", "")
    project.require("# something else\n")
    assert project.call("-c", "")[0] == 0
    assert not (project.root / ".venv").is_symlink()
    assert (shared / "bin" / "python").exists()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_interrupted_installation_stops_at_once_and_is_repaired(
    project: Project, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    project.use_uv(install=f': >"{tmp_path}/started"; exec sleep 50')
    started = project.start("-c", "")
    wait_for(tmp_path / "started")
    started.send_signal(sent)
    assert started.communicate(timeout=10)[1].splitlines()[1:] == ["landex: stopped; the next call makes .venv anew"]
    assert started.returncode == code
    assert not project.is_whole()
    project.use_uv()
    assert project.call("-c", "") == (0, "", MAKING)
    assert project.is_whole()


def test_two_calls_at_once_install_once_and_both_run(project: Project, tmp_path: Path) -> None:
    project.use_uv(install=f': >"{tmp_path}/started"; sleep 1')
    first = project.start("-c", "print(1)")
    wait_for(tmp_path / "started")
    second = project.call("-c", "print(2)")
    assert first.communicate() == ("1\n", MAKING)
    assert second == (0, "2\n", "landex: waiting for another launcher, which makes .venv ...\n")
    assert project.installations() == 1


def test_tool_does_not_hold_the_lock_while_it_runs(project: Project, tmp_path: Path) -> None:
    running = project.start("-c", f"import time; open({str(tmp_path / 'running')!r}, 'w').close(); time.sleep(50)")
    wait_for(tmp_path / "running")
    project.require("# something else\n")
    assert project.call("-c", "") == (0, "", MAKING)
    running.kill()
    running.communicate()


def test_killed_launcher_leaves_no_stale_lock_and_its_step_is_waited_for(project: Project, tmp_path: Path) -> None:
    project.use_uv(install=f'echo begin >>"{tmp_path}/steps"; sleep 1; echo end >>"{tmp_path}/steps"')
    killed = project.start("-c", "")
    wait_for(tmp_path / "steps")
    killed.kill()
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")
    assert (tmp_path / "steps").read_text().split() == ["begin", "end", "begin", "end"]
    killed.communicate()


def failure_line(project: Project) -> str:
    """The one line that a failing call says, apart from that it makes .venv."""
    code, output, errors = project.call("-c", "print('it ran')")
    lines = [line for line in errors.splitlines() if not line.startswith("landex: making .venv")]
    assert code == 1
    assert output == ""
    assert len(lines) == 1, errors
    assert not project.is_whole()
    return lines[0]


def test_no_python_is_said_in_one_line(project: Project) -> None:
    (project.path / "python3").unlink()
    assert failure_line(project) == (
        "landex: there is no Python here; install Python 3.11, 3.12 or 3.13, or set LANDEX_PYTHON to the path of one"
    )


@pytest.mark.parametrize("version", ["2.7.18", "3.9.2", "3.10.13", "3.14.0"])
def test_python_of_another_version_is_said_in_one_line(project: Project, version: str) -> None:
    project.use_python("python3", python_of_version(version))
    assert failure_line(project).startswith(f"landex: python3 is Python {version}; install Python 3.11, 3.12 or 3.13")


def test_first_python_that_fits_is_taken(project: Project) -> None:
    project.use_python("python3.13", "#!/bin/sh\nexit 127\n")
    project.use_python("python3.12", python_of_version("3.10.1"))
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")


def test_python_that_only_uv_knows_is_taken(project: Project, tmp_path: Path) -> None:
    (project.path / "python3").rename(tmp_path / "managed")
    write_script(
        project.path / "uv",
        FAKE_UV.format(calls=project.calls, install="true").replace("*) exit 1", f'python) echo "{tmp_path}/managed"'),
    )
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")


def test_landex_python_goes_before_all_others(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "my python"
    folder.mkdir()
    (folder / "python").symlink_to(REAL_PYTHON)
    project.use_python("python3", python_of_version("3.9.2"))
    project.environment["LANDEX_PYTHON"] = str(folder / "python")
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")


def test_landex_python_that_does_not_run_is_not_replaced_by_another(project: Project) -> None:
    project.environment["LANDEX_PYTHON"] = "/no/such/python"
    assert failure_line(project).startswith("landex: LANDEX_PYTHON=/no/such/python does not run; install Python 3.11,")


def test_python_without_venv_module_is_said_in_one_line(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.use_python("python3", PYTHON_WITHOUT_VENV)
    assert failure_line(project) == (
        f"landex: {project.path}/python3 has no venv module; "
        "install it (Debian: apt-get install python3-venv), or install uv"
    )


def test_uv_needs_no_venv_module(project: Project) -> None:
    project.use_python("python3", PYTHON_WITHOUT_VENV)
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")


def test_pip_takes_over_where_uv_fails(tmp_path: Path) -> None:
    project = project_with_wheel(tmp_path)
    project.use_uv(install="echo 'error: unexpected argument' >&2; exit 2")
    code, _, errors = project.call(launcher="pytest")
    assert code == 7
    assert errors.splitlines()[1:] == [f"landex: uv failed (see {project.root}/.venv.log): trying pip"]
    assert project.is_whole()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("cause: Hash mismatch for six==1.17.0", "a download has not the hash that requirements.lock gives"),
        ("cause: No space left on device (os error 28)", "the disk is full and .venv takes 2.5 GB"),
        ("cause: error sending request for url (simple/six/)", "the package index is out of reach"),
        ("cause: operation timed out", "the package index is out of reach"),
    ],
)
def test_failure_of_uv_that_pip_cannot_mend_is_said_in_one_line(project: Project, message: str, said: str) -> None:
    project.use_python("python3", PYTHON_WITHOUT_VENV)
    project.use_uv(install=f"echo '{message}' >&2; exit 1")
    line = failure_line(project)
    assert line.startswith(f"landex: {said}")
    assert line.endswith(f"(see {project.root}/.venv.log)")
    assert message in (project.root / ".venv.log").read_text()


def test_hash_mismatch_is_said_in_one_line(tmp_path: Path) -> None:
    project = project_with_wheel(tmp_path, hash_is_right=False)
    assert failure_line(project).startswith("landex: a download has not the hash that requirements.lock gives;")


def test_index_out_of_reach_is_said_in_one_line(tmp_path: Path) -> None:
    project = Project(tmp_path, f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    project.environment |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    assert failure_line(project).startswith("landex: the package index is out of reach;")


def test_other_failure_quotes_the_last_error(tmp_path: Path) -> None:
    project = Project(tmp_path, f"absent==1.0 --hash=sha256:{'0' * 64}\n")
    project.environment["PIP_NO_INDEX"] = "1"
    assert failure_line(project) == (
        "landex: the installation failed: ERROR: No matching distribution found for absent==1.0 "
        f"(see {project.root}/.venv.log)"
    )


@pytest.mark.parametrize(
    ("gpu", "driver", "machine", "lock", "said"),
    [
        (None, False, "Linux x86_64", NO_CUDA, MAKING),
        ("", False, "Linux x86_64", NO_CUDA, MAKING),
        (None, True, "Linux x86_64", CUDA, MAKING_WITH_CUDA.format(DRIVER_IS_THERE)),
        (None, True, "Linux aarch64", NO_CUDA, MAKING),
        ("1", False, "Linux x86_64", CUDA, MAKING_WITH_CUDA.format("LANDEX_GPU=1 asks for it")),
        ("0", True, "Linux x86_64", NO_CUDA, MAKING_WITHOUT_CUDA.format("LANDEX_GPU=0 refuses it")),
    ],
)
def test_cuda_is_installed_where_there_is_a_driver_or_it_is_asked_for(
    project: Project, gpu: str | None, driver: bool, machine: str, lock: str, said: str
) -> None:
    project.ask(gpu)
    project.be_a(machine)
    if driver:
        project.driver.touch()
    assert project.call("-c", "print(1)") == (0, "1\n", said)
    assert project.is_whole(lock)
    assert project.call("-c", "print(1)") == (0, "1\n", "")


@pytest.mark.parametrize(("runs", "lock"), [(True, CUDA), (False, NO_CUDA)])
def test_driver_that_only_its_tool_shows_counts_where_the_tool_runs(project: Project, runs: bool, lock: str) -> None:
    write_script(project.path / "nvidia-smi", f"#!/bin/sh\necho a table\nexit {0 if runs else 9}\n")
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")
    assert project.is_whole(lock)


@pytest.mark.parametrize("value", ["yes", "2", "01", "cuda", " "])
def test_landex_gpu_of_no_meaning_is_said_in_one_line(project: Project, value: str) -> None:
    project.ask(value)
    assert failure_line(project) == (
        f"landex: LANDEX_GPU={value} has no meaning; set it to 1 (with CUDA) or 0 (without), or unset it"
    )


@pytest.mark.parametrize("machine", ["Darwin arm64", "Linux aarch64"])
def test_cuda_where_tensorflow_has_none_is_refused_in_one_line(project: Project, machine: str) -> None:
    project.ask("1")
    project.be_a(machine)
    assert failure_line(project) == (
        "landex: LANDEX_GPU=1 asks for CUDA, and TensorFlow has it on Linux x86_64 alone; unset it"
    )


def test_venv_with_cuda_serves_a_machine_without_driver_that_asks_for_nothing(project: Project) -> None:
    project.ask("1")
    project.call("-c", "")
    project.ask(None)
    assert project.call("-c", "print(1)") == (0, "1\n", "")
    assert project.is_whole(CUDA)


def test_venv_that_had_cuda_is_made_anew_with_it_after_a_change_of_the_locks(project: Project) -> None:
    project.ask("1")
    project.call("-c", "")
    project.ask(None)
    project.require("# something else\n")
    assert project.call("-c", "").errors == MAKING_WITH_CUDA.format("it had CUDA before, and LANDEX_GPU is not 0")
    assert project.is_whole(CUDA)


def test_venv_without_cuda_gives_way_on_a_machine_with_driver_and_comes_back_on_refusal(project: Project) -> None:
    project.call("-c", "")
    project.driver.touch()
    assert project.call("-c", "print(1)") == (0, "1\n", MAKING_WITH_CUDA.format(DRIVER_IS_THERE))
    assert project.is_whole(CUDA)
    project.ask("0")
    assert project.call("-c", "print(1)") == (0, "1\n", MAKING_WITHOUT_CUDA.format("LANDEX_GPU=0 refuses it"))
    assert project.is_whole(NO_CUDA)
    assert project.installations() == 3
    assert not (project.root / ".venv.former").exists()


CALL_ANOTHER = "import subprocess, sys; sys.exit(subprocess.call([sys.argv[1], '-c', 'print(2)']))"


@pytest.mark.parametrize("gpu", [None, "1"])
def test_job_of_a_launcher_leaves_the_venv_that_it_runs_from_alone(project: Project, gpu: str | None) -> None:
    project.call("-c", "")
    launched = (
        f"import os; open({str(project.driver)!r}, 'w').close(); os.environ.update({{'LANDEX_GPU': {gpu or ''!r}}})"
    )
    called = project.call("-c", f"{launched}; {CALL_ANOTHER}", str(project.root / "bin" / "python"))
    assert called == (0, "2\n", "")
    assert project.is_whole(NO_CUDA)


def test_job_of_another_projects_launcher_is_not_held_back(project: Project, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other")
    other.use_uv()
    project.call("-c", "")
    project.driver.touch()
    assert other.call("-c", CALL_ANOTHER, str(project.root / "bin" / "python")).output == "2\n"
    assert project.is_whole(CUDA)


@pytest.mark.parametrize("gpu", [None, "1"])
def test_venv_of_a_running_workflow_is_not_exchanged_from_another_node(project: Project, gpu: str | None) -> None:
    project.call("-c", "")
    held = project.root / ".snakemake" / "locks" / "0.input.lock"
    held.parent.mkdir(parents=True)
    held.touch()
    project.driver.touch()
    project.ask(gpu)
    stays = "landex: .venv stays as it is: a workflow runs here, or was killed and waits for snakemake --unlock\n"
    assert project.call("-c", "print(1)") == (0, "1\n", stays)
    assert project.is_whole(NO_CUDA)
    held.unlink()
    project.call("-c", "")
    assert project.is_whole(CUDA)


def test_caller_without_the_variable_takes_what_another_makes_with_cuda(project: Project, tmp_path: Path) -> None:
    project.use_uv(install=f': >"{tmp_path}/started"; sleep 1')
    project.ask("1")
    first = project.start("-c", "print(1)")
    wait_for(tmp_path / "started")
    project.ask(None)
    assert project.call("-c", "print(2)").output == "2\n"
    assert first.communicate()[0] == "1\n"
    assert project.installations() == 1
    assert project.is_whole(CUDA)


def test_failed_exchange_gives_the_former_venv_back(project: Project) -> None:
    project.call("-c", "")
    (project.root / ".venv" / "former").touch()
    project.driver.touch()
    project.use_python("python3", PYTHON_WITHOUT_VENV)
    project.use_uv(install="echo 'error sending request for url' >&2; exit 1")
    code, output, errors = project.call("-c", "print(1)")
    assert (code, output) == (1, "")
    assert errors.splitlines()[1:] == [
        "landex: the package index is out of reach; check network, proxy and pip's settings, and call again "
        f"(see {project.root}/.venv.log)",
        "landex: .venv is what it was before, without CUDA; LANDEX_GPU=0 keeps it so",
    ]
    project.ask("0")
    assert project.call("-c", "print(1)") == (0, "1\n", "")
    assert (project.root / ".venv" / "former").exists()


def test_interrupted_exchange_gives_the_former_venv_back(project: Project, tmp_path: Path) -> None:
    project.ask("1")
    project.call("-c", "")
    project.ask("0")
    project.use_uv(install=f': >"{tmp_path}/started"; exec sleep 50')
    started = project.start("-c", "")
    wait_for(tmp_path / "started")
    started.send_signal(signal.SIGTERM)
    assert started.communicate(timeout=10)[1].splitlines()[1:] == [
        "landex: stopped; the next call makes .venv anew",
        "landex: .venv is what it was before, with CUDA; unset LANDEX_GPU to keep it so",
    ]
    assert started.returncode == 143
    project.ask(None)
    assert project.call("-c", "print(1)") == (0, "1\n", "")
    assert project.is_whole(CUDA)


def test_exchange_whose_launcher_was_killed_is_undone_by_the_next_call(project: Project, tmp_path: Path) -> None:
    project.call("-c", "")
    project.ask("1")
    project.use_uv(install=f': >"{tmp_path}/started"; sleep 1')
    killed = project.start("-c", "")
    wait_for(tmp_path / "started")
    killed.kill()
    killed.communicate()
    project.ask(None)
    assert project.call("-c", "print(1)")[:2] == (0, "1\n")
    assert project.installations() == 2
    assert project.is_whole(NO_CUDA)


def test_venv_of_a_project_that_cannot_be_written_is_used_as_it_is() -> None:
    root = os.geteuid() == 0
    # Root may write everywhere: somebody else has to call then, who sees neither pytest's folders nor root's Python.
    someone = {"user": 65534, "group": 65534} if root else {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        project = Project(Path(folder))
        project.use_uv()
        project.call("-c", "")
        python = project.root / ".venv" / "bin" / "python"
        python.unlink()
        write_script(python, "#!/bin/sh\necho ran\n")
        project.driver.touch()
        project.root.chmod(0o555)

        def call() -> Called:
            command = project.root / "bin" / "python"
            done = subprocess.run([command], env=project.environment, capture_output=True, text=True, **someone)
            return Called(done.returncode, done.stdout, done.stderr)

        assert call() == (0, "ran\n", "")
        project.ask("1")
        assert call() == (1, "", f"landex: {project.root} cannot be written, and .venv is made there\n")
        project.root.chmod(0o755)


def test_failure_with_cuda_names_its_lock_and_its_size(project: Project) -> None:
    project.ask("1")
    project.use_uv(install="echo 'Hash mismatch for tensorflow' >&2; exit 1")
    assert "has not the hash that requirements-gpu.lock gives" in project.call("-c", "").errors
    project.use_uv(install="echo 'No space left on device' >&2; exit 1")
    assert "the disk is full and .venv takes 7 GB" in project.call("-c", "").errors
