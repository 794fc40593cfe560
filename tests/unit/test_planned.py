"""What a job runs is what was planned, and results that nothing is recorded of are told."""

from pathlib import Path

import pytest

from landex.errors import UserError
from landex.planned import check_code, check_config, plan, record_problems


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LANDEX_PLANNED_CODE", "LANDEX_PLANNED_CONFIG"):
        # So that what `plan` sets is gone afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    folder = tmp_path / "scripts"
    (folder / "landex").mkdir(parents=True)
    (folder / "rule.py").write_text("a = 1\n")
    (folder / "landex" / "module.py").write_text("b = 1\n")
    return folder


def test_the_same_code_and_config_pass_and_so_does_a_call_without_a_plan(scripts: Path) -> None:
    check_code(scripts)
    check_config({"a": 1})
    plan(scripts, {"a": 1, "b": {"c": 2, "d": 3}})
    (scripts / "landex" / "module.py").touch()
    (scripts / "landex" / "__pycache__").mkdir()
    (scripts / "landex" / "__pycache__" / "module.pyc").write_bytes(b"")
    check_code(scripts)
    # Read from a file whose keys stand in another order.
    check_config({"b": {"d": 3, "c": 2}, "a": 1})


def test_other_code_is_told(scripts: Path) -> None:
    plan(scripts, {})
    module = scripts / "landex" / "module.py"
    for text in ("b = 2\n", "", None):
        if text is None:
            module.unlink()
        else:
            module.write_text(text)
        with pytest.raises(UserError, match="landex's code changed while the workflow was running; run again"):
            check_code(scripts)
    module.write_text("b = 1\n")
    check_code(scripts)
    (scripts / "landex" / "another.py").write_text("")
    with pytest.raises(UserError, match="code changed"):
        check_code(scripts)


def test_another_config_is_told(scripts: Path) -> None:
    plan(scripts, {"split": {"seed": 1}})
    with pytest.raises(UserError, match="the config changed while the workflow was running; run again"):
        check_config({"split": {"seed": 2}})


def test_results_of_elsewhere_are_told_and_new_or_recorded_ones_are_not(tmp_path: Path) -> None:
    results, records = tmp_path / "results", tmp_path / ".snakemake"
    assert record_problems(results, records) == []
    (results / "split" / ".checksums").mkdir(parents=True)
    (records / "metadata").mkdir(parents=True)
    # A first run that was killed before any job ended.
    assert record_problems(results, records) == []
    (results / "split" / ".checksums" / "split.tsv").write_text("1 a")
    (line,) = record_problems(results, records)
    assert line.endswith(f"or delete {results}/ to make it anew")
    (records / "metadata" / "c3BsaXQ=").write_text("{}")
    assert record_problems(results, records) == []
